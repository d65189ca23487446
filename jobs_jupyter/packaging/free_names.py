"""Which names a cell needs from the notebook: those that it uses and does not define."""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterable

from jobs_jupyter.models.errors import PackageError
from jobs_jupyter.packaging.bindings import bindings, function_bindings, type_parameters
from jobs_jupyter.packaging.cell_syntax import PLAIN_MAGICS, PYTHON_MAGICS, parse, statement, words
from jobs_jupyter.packaging.conditions import (
    MAYBE,
    NAMESPACES,
    asked_for,
    catches_name_error,
    is_of_platform,
    names_name_error,
    uses,
)

IPYTHON_NAMES = words(
    "get_ipython display In Out _ __ ___ _i _ii _iii _ih _oh _dh _exit_code exit quit open "
    "__name__ __doc__ __builtins__ __annotations__ __debug__ __spec__ __loader__ __package__ "
    "__file__ WindowsError"  # a script has the one, another platform the other: no cell is refused for it
)
_OF_CLASS = "<class>"  # marks the scope of a class
_EXECUTES = frozenset({"exec", "eval"})
_READING = frozenset({"copy", "get", "items", "keys", "values"})  # methods that leave a namespace alone


class _UnknowableError(Exception):
    """The cell may define names that can't be seen in its text."""


def free_names(source: str, provided: Iterable[str] = (), lines_above: int = 0) -> list[str]:
    """Return the names that the cell uses before anything in it defines them, in order of use.

    Empty when it can't be known: after a star import, `exec`, `%run` and the like. What Python does not
    evaluate is not a use: most annotations, the bounds of type parameters, the value of a `type` statement.

    Args:
        source: the cell, magics included.
        provided: names that the job brings along.
        lines_above: how many lines of the editor stand above the source, for the number in an error.

    Raises:
        PackageError: the cell has a syntax error.
    """
    given = set(provided)
    tree = parse(source, lines_above, frozenset(given))
    reader = _Reader(given | IPYTHON_NAMES | set(dir(builtins)), lazy=_has_lazy_annotations(tree))
    try:
        reader.guarded = set(asked_for(tree))
        reader.block(tree.body)
    except (_UnknowableError, RecursionError):
        return []
    return reader.result()


def assigned_names(source: str, lines_above: int = 0) -> set[str] | None:
    """Return the names that the cell may leave defined; None when it can't be known.

    Args:
        source: the cell, magics included.
        lines_above: how many lines of the editor stand above the source, for the number in an error.

    Raises:
        PackageError: the cell has a syntax error.
    """
    tree = parse(source, lines_above)
    reader = _Reader(set())
    try:
        reader.block(tree.body)
    except (_UnknowableError, RecursionError):
        return None
    return reader.bound | set(bindings(tree.body))


def _has_lazy_annotations(tree: ast.Module) -> bool:
    """Whether annotations are evaluated only where somebody asks for them."""
    futures = (node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__")
    asked = any(alias.name == "annotations" for node in futures for alias in node.names)
    return asked or sys.version_info >= (3, 14)


class _Reader(ast.NodeVisitor):
    """Reads a cell in the order in which it runs."""

    def __init__(self, known: set[str], *, lazy: bool = False) -> None:
        self.bound = known  # in the notebook's namespace, so far
        self.ever = set(known)  # the same, deleted ones included: a function may have run before
        self.lazy = lazy  # annotations are not evaluated
        self.guarded: set[str] = set()
        self.scopes: list[set[str]] = []  # those of comprehensions, classes and functions around here
        self.uses: dict[str, bool] = {}  # name → whether it is used only by functions, which run later
        self.deferred = 0  # depth of functions
        self.branches = 0  # depth of what may not run, or may run again

    def result(self) -> list[str]:
        """Return the names that nothing defines."""
        return [name for name, later in self.uses.items() if not (later and name in self.ever)]

    def block(self, body: Iterable[ast.AST]) -> None:
        """Read statements one after the other."""
        for node in body:
            self.visit(node)

    def _use(self, name: str) -> None:
        if any(name in scope for scope in self.scopes) or name in self.bound or name in self.guarded:
            return
        self.uses[name] = self.uses.get(name, True) and self.deferred > 0

    def _bind(self, name: str) -> None:
        if self.scopes:
            self.scopes[-1].add(name)
        else:
            self._bind_global(name)

    def _bind_global(self, *names: str) -> None:
        self.bound.update(names)
        self.ever.update(names)

    # Names

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self._bind(node.id)
            return
        self._use(node.id)
        if isinstance(node.ctx, ast.Del) and not self.scopes and not self.branches:
            self.bound.discard(node.id)

    def visit_Global(self, node: ast.Global) -> None:
        self._bind_global(*node.names)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self._bind_global(node.target.id)  # beyond a comprehension; elsewhere a superset does no harm
        self._bind(node.target.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if (
            isinstance(node.value, ast.Name)
            and node.value.id == "builtins"
            and isinstance(node.ctx, ast.Store)
        ):
            self._bind_global(node.attr)
        if node.attr == "user_ns":  # IPython's name for the notebook's variables
            raise _UnknowableError
        self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.name == "__main__":
                raise _UnknowableError
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
        in_function = self.deferred > 0 and _OF_CLASS not in self.scopes[-1]
        if not (self.lazy or in_function):
            self.visit(node.annotation)
        if node.value is not None:
            self.visit(node.value)
        if node.value is not None or not isinstance(node.target, ast.Name):
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
            name
            for outer in node.body
            for part in ast.walk(outer)
            if isinstance(part, MAYBE)
            for name in uses(part)
        } & set(bindings(node.body))
        self._branch(node.body, node.orelse)
        self.guarded = before

    def visit_If(self, node: ast.If | ast.While) -> None:
        self.visit(node.test)
        before = self.guarded
        if is_of_platform(node.test):
            self.guarded = before | {name for part in (*node.body, *node.orelse) for name in uses(part)}
        self._branch(node.body, node.orelse)
        self.guarded = before

    def _branch(self, *bodies: Iterable[ast.AST]) -> None:
        self.branches += 1
        for body in bodies:
            self.block(body)
        self.branches -= 1

    def visit_Try(self, node: ast.Try) -> None:
        before = self.guarded
        if any(catches_name_error(handler) for handler in node.handlers):
            self.guarded = before | {name for part in node.body for name in uses(part)}
        self._branch(node.body)
        self.guarded = before
        self._branch(node.handlers, node.orelse, node.finalbody)

    visit_TryStar = visit_Try  # type: ignore[assignment]

    def visit_With(self, node: ast.With | ast.AsyncWith) -> None:
        before = self.guarded
        self.block(node.items)
        calls = [item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)]
        if any(names_name_error(argument) for call in calls for argument in call.args):  # suppress(NameError)
            self.guarded = before | {name for part in node.body for name in uses(part)}
        self.block(node.body)
        self.guarded = before

    visit_AsyncWith = visit_With

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
        if not (self.lazy or isinstance(node, ast.Lambda)):
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
        self.block([*node.bases, *(keyword.value for keyword in node.keywords)])
        self.scopes.append({"__module__", "__qualname__", _OF_CLASS})
        self.block(node.body)
        del self.scopes[-2:]
        self._bind(node.name)

    def visit_TypeAlias(self, node: ast.AST) -> None:
        self._bind(node.name.id)  # type: ignore[attr-defined]

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
        if name in _EXECUTES or self._is_namespace(node):
            raise _UnknowableError
        if isinstance(node.func, ast.Attribute):
            self._method(node.func, node)
            if node.func.attr in _READING and self._is_namespace(node.func.value):
                self.block([*node.args, *node.keywords])
                return
        self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> None:
        if node.arg is not None or not self._is_namespace(node.value):  # `**globals()` reads
            self.visit(node.value)

    def visit_Compare(self, node: ast.Compare) -> None:
        self.block(part for part in (node.left, *node.comparators) if not self._is_namespace(part))

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if isinstance(node.ctx, ast.Load) and self._is_namespace(node.value):
            self.visit(node.slice)
            return
        of_modules = isinstance(node.value, ast.Attribute) and node.value.attr == "modules"
        if of_modules and ast.unparse(node.slice) in ("__name__", "'__main__'"):
            raise _UnknowableError
        self.generic_visit(node)

    def _is_namespace(self, node: ast.AST) -> bool:
        """Whether this gives the notebook's own variables; in a function only `globals()` does."""
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)) or node.args:
            return False
        return node.func.id == "globals" or (node.func.id in NAMESPACES and not self.deferred)

    def _method(self, method: ast.Attribute, node: ast.Call) -> None:
        if method.attr in ("run_line_magic", "run_cell_magic", "run_cell", "ex", "push"):
            texts: list[object] = [
                part.value if isinstance(part, ast.Constant) else None for part in node.args
            ]
            self._magic(method.attr, texts)

    def _magic(self, method: str, texts: list[object]) -> None:
        name = texts[0] if texts else None
        if name in PYTHON_MAGICS and all(isinstance(text, str) for text in texts):
            line, *cell = map(str, texts[1:])
            for code in (statement(str(name), line), *cell):  # the line of a cell magic is its set-up
                self.block(_parsed(code))
        elif method != "run_line_magic" or name not in PLAIN_MAGICS:
            raise _UnknowableError


def _parsed(code: str) -> list[ast.stmt]:
    try:
        return parse(code).body
    except PackageError:
        raise _UnknowableError from None
