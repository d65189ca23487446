"""Which names a cell needs from the notebook: those that it uses and does not define."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator

from jobs_jupyter.models.errors import PackageError
from jobs_jupyter.packaging.bindings import bindings, function_bindings, type_parameters


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


IPYTHON_NAMES = _words(
    "get_ipython display In Out _ __ ___ _i _ii _iii _ih _oh _dh _exit_code exit quit open "
    "__name__ __doc__ __builtins__ __annotations__ __debug__ __spec__ __loader__ __package__"
)
# Magics that define no name; a cell with any other may define what it likes.
_PLAIN_MAGICS = _words(
    "alias autoawait autocall automagic cd colors conda config debug dhist dirs env load_ext logstop lsmagic "
    "magic matplotlib pdb pip popd precision prun psearch pushd pwd pycat quickref reload_ext sc set_env "
    "sx system timeit unload_ext uv who who_ls whos xmode"
)
_PYTHON_MAGICS = frozenset({"time", "timeit", "prun"})
_OF_CLASS = "<class>"  # marks the scope of a class
_EXECUTES = frozenset({"exec", "eval"})
_NAME_ERRORS = frozenset({"NameError", "UnboundLocalError", "Exception", "BaseException"})


class _UnknowableError(Exception):
    """The cell may define names that can't be seen in its text."""


def free_names(source: str, provided: Iterable[str] = ()) -> list[str]:
    """Return the names that the cell uses before anything in it defines them, in order of use.

    Empty when it can't be known: after a star import, `exec`, `%run` and the like.

    Args:
        source: the cell, magics included.
        provided: names that the job brings along.

    Raises:
        PackageError: the cell has a syntax error.
    """
    tree = _parse(source)
    reader = _Reader(set(provided) | IPYTHON_NAMES | set(dir(builtins)))
    try:
        reader.guarded = set(_asked_for(tree))
        reader.block(tree.body)
    except (_UnknowableError, RecursionError):
        return []
    return reader.result()


def assigned_names(source: str) -> set[str] | None:
    """Return the names that the cell may leave defined; None when it can't be known.

    Raises:
        PackageError: the cell has a syntax error.
    """
    tree = _parse(source)
    reader = _Reader(set())
    try:
        reader.block(tree.body)
    except (_UnknowableError, RecursionError):
        return None
    return reader.bound | set(bindings(tree.body))


def _parse(source: str) -> ast.Module:
    from IPython.core.inputtransformer2 import TransformerManager

    try:
        text = _leading_lines(source) + TransformerManager().transform_cell(source)
        tree = ast.parse(text)
        compile(tree, "cell", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise _syntax_error(error) from None
    return tree


def _leading_lines(source: str) -> str:
    """Return the blank lines that IPython drops, so that line numbers stay the cell's."""
    return "\n" * source[: len(source) - len(source.lstrip())].count("\n")


def _syntax_error(error: BaseException) -> PackageError:
    if not isinstance(error, SyntaxError):
        return PackageError(f"The cell is not Python: {error}; correct it and run it again")
    text = f": {error.text.strip()}" if error.text and error.text.strip() else ""
    return PackageError(
        f"The cell has a syntax error in line {error.lineno} ({error.msg}){text}; correct it and run it again"
    )


def _asked_for(tree: ast.AST) -> Iterator[str]:
    """Yield the names whose existence the cell itself asks about: `"x" in globals()`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and any(isinstance(op, ast.In | ast.NotIn) for op in node.ops):
            called = [part.func for part in node.comparators if isinstance(part, ast.Call)]
            names = {part.id for part in called if isinstance(part, ast.Name)}
            if names & {"globals", "locals", "dir", "vars"} and isinstance(node.left, ast.Constant):
                yield str(node.left.value)


class _Reader(ast.NodeVisitor):
    """Reads a cell in the order in which it runs."""

    def __init__(self, known: set[str]) -> None:
        self.bound = known  # in the notebook's namespace, so far
        self.guarded: set[str] = set()
        self.scopes: list[set[str]] = []  # those of comprehensions, classes and functions around here
        self.uses: dict[str, bool] = {}  # name → whether it is used only by functions, which run later
        self.deferred = 0  # depth of functions
        self.branches = 0  # depth of what may not run, or may run again

    def result(self) -> list[str]:
        """Return the names that nothing defines."""
        return [name for name, later in self.uses.items() if not (later and name in self.bound)]

    def block(self, body: Iterable[ast.AST]) -> None:
        """Read statements one after the other."""
        for node in body:
            self.visit(node)

    def _use(self, name: str) -> None:
        if any(name in scope for scope in self.scopes) or name in self.bound or name in self.guarded:
            return
        self.uses[name] = self.uses.get(name, True) and self.deferred > 0

    def _bind(self, name: str) -> None:
        (self.scopes[-1] if self.scopes else self.bound).add(name)

    # Names

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self._bind(node.id)
            return
        self._use(node.id)
        if isinstance(node.ctx, ast.Del) and not self.scopes and not self.branches:
            self.bound.discard(node.id)

    def visit_Global(self, node: ast.Global) -> None:
        self.bound.update(node.names)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self.bound.add(node.target.id)  # beyond a comprehension; elsewhere a superset does no harm
        self._bind(node.target.id)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._bind(alias.asname or alias.name.partition(".")[0])

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if any(alias.name == "*" for alias in node.names):
            raise _UnknowableError
        for alias in node.names:
            self._bind(alias.asname or alias.name)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.visit(node.value)
        if isinstance(node.target, ast.Name):
            self._use(node.target.id)
        self.visit(node.target)

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        self.block(node.targets)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.annotation)
        if node.value is not None:
            self.visit(node.value)
            self.visit(node.target)

    # Statements that bind, branch or repeat

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        self.visit(node.target)
        self._repeated(node)

    visit_AsyncFor = visit_For

    def visit_While(self, node: ast.While) -> None:
        self.visit(node.test)
        self._repeated(node)

    def _repeated(self, node: ast.For | ast.AsyncFor | ast.While) -> None:
        """Read a loop's body; what a turn binds, the next one may use under a condition."""
        before = self.guarded
        self.guarded = before | {
            name for part in node.body if isinstance(part, ast.If | ast.Try) for name in _loads(part)
        } & set(bindings(node.body))
        self._branch(node.body, node.orelse)
        self.guarded = before

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        self._branch(node.body, node.orelse)

    def _branch(self, *bodies: Iterable[ast.AST]) -> None:
        self.branches += 1
        for body in bodies:
            self.block(body)
        self.branches -= 1

    def visit_Try(self, node: ast.Try) -> None:
        before = self.guarded
        if any(_catches_name_error(handler) for handler in node.handlers):
            self.guarded = before | {name for part in node.body for name in _loads(part)}
        self._branch(node.body)
        self.guarded = before
        self._branch(node.handlers, node.orelse, node.finalbody)

    visit_TryStar = visit_Try  # type: ignore[assignment]

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.type is not None:
            self.visit(node.type)
        if node.name:
            self._bind(node.name)
        self.block(node.body)

    def visit_MatchAs(self, node: ast.MatchAs | ast.MatchStar) -> None:
        self.generic_visit(node)
        if node.name:
            self._bind(node.name)

    visit_MatchStar = visit_MatchAs

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        self.generic_visit(node)
        if node.rest:
            self._bind(node.rest)

    # Scopes

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.block(node.decorator_list)
        self._function(node)
        self._bind(node.name)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        arguments = node.args
        self.block([*arguments.defaults, *(part for part in arguments.kw_defaults if part is not None)])
        self.scopes.append(type_parameters(node))
        self.block(getattr(node, "type_params", []))
        if not isinstance(node, ast.Lambda):
            every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
            every += [part for part in (arguments.vararg, arguments.kwarg) if part is not None]
            self.block(part.annotation for part in every if part.annotation is not None)
            if node.returns is not None:
                self.visit(node.returns)
        outer = self.scopes
        self.scopes = [scope for scope in outer if _OF_CLASS not in scope]  # a body sees no class around it
        self.scopes.append(function_bindings(node))
        self.deferred += 1
        self.block([node.body] if isinstance(node, ast.Lambda) else node.body)
        self.deferred -= 1
        self.scopes = outer[:-1]

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.block(node.decorator_list)
        self.scopes.append(type_parameters(node))
        self.block(getattr(node, "type_params", []))
        self.block([*node.bases, *(keyword.value for keyword in node.keywords)])
        self.scopes.append({"__module__", "__qualname__", _OF_CLASS})
        self.block(node.body)
        del self.scopes[-2:]
        self._bind(node.name)

    def visit_TypeAlias(self, node: ast.AST) -> None:
        self._bind(node.name.id)  # type: ignore[attr-defined]
        self.scopes.append(type_parameters(node))
        self.deferred += 1
        self.visit(node.value)  # type: ignore[attr-defined]
        self.deferred -= 1
        self.scopes.pop()

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> None:
        self.visit(node.generators[0].iter)
        self.scopes.append(set())
        for index, part in enumerate(node.generators):
            if index:
                self.visit(part.iter)
            self.visit(part.target)
            self.block(part.ifs)
        self.block([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt])
        self.scopes.pop()

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = _comprehension

    # What can define names unseen

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.id if isinstance(node.func, ast.Name) else None
        if name in _EXECUTES and name is not None:
            raise _UnknowableError
        if isinstance(node.func, ast.Attribute):
            self._method(node.func, node)
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if isinstance(node.ctx, ast.Store) and _is_namespace(node.value):
            raise _UnknowableError
        self.generic_visit(node)

    def _method(self, method: ast.Attribute, node: ast.Call) -> None:
        if method.attr in ("update", "setdefault") and _is_namespace(method.value):
            raise _UnknowableError
        if method.attr in ("run_line_magic", "run_cell_magic", "run_cell", "ex", "push"):
            texts: list[object] = [
                part.value if isinstance(part, ast.Constant) else None for part in node.args
            ]
            self._magic(method.attr, texts)

    def _magic(self, method: str, texts: list[object]) -> None:
        name = texts[0] if texts else None
        code = texts[-1]
        if name in _PYTHON_MAGICS and isinstance(code, str):
            try:
                self.block(_parse(code).body)
            except PackageError:
                raise _UnknowableError from None  # options before the code
        elif method != "run_line_magic" or name not in _PLAIN_MAGICS:
            raise _UnknowableError


def _is_namespace(node: ast.AST) -> bool:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        return False
    return node.func.id in ("globals", "locals", "vars") and not node.args


def _loads(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load):
            yield part.id


def _catches_name_error(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or bool(_NAME_ERRORS & set(_loads(handler.type)))
