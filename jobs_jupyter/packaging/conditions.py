"""What may keep a cell from using a name that it mentions: conditions, and handlers of its absence."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jobs_jupyter.packaging.cell_syntax import words

NAMESPACES = frozenset({"globals", "locals", "vars"})
"""Functions that return variables by name."""
MAYBE = (
    ast.If, ast.IfExp, ast.BoolOp, ast.Try, ast.TryStar, ast.Match, ast.While, ast.For, ast.AsyncFor,
    ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp,
    ast.Lambda, ast.FunctionDef, ast.AsyncFunctionDef,
)  # fmt: skip
"""What stands in these may not be executed."""
_NAME_ERRORS = frozenset({"NameError", "UnboundLocalError", "Exception", "BaseException"})
_PLATFORM = words("TYPE_CHECKING version_info hexversion platform implementation PY2 PY3")


def asked_for(tree: ast.AST) -> Iterator[str]:
    """Yield the names whose existence the cell itself asks about: `"x" in globals()`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and any(isinstance(op, ast.In | ast.NotIn) for op in node.ops):
            called = [part.func for part in node.comparators if isinstance(part, ast.Call)]
            names = {part.id for part in called if isinstance(part, ast.Name)}
            if names & (NAMESPACES | {"dir"}) and isinstance(node.left, ast.Constant):
                yield str(node.left.value)


def uses(node: ast.AST) -> Iterator[str]:
    """Yield the names that are read or deleted in it."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and not isinstance(part.ctx, ast.Store):
            yield part.id


def catches_name_error(handler: ast.ExceptHandler) -> bool:
    """Whether an `except` is also for names that are not defined."""
    return handler.type is None or names_name_error(handler.type)


def names_name_error(node: ast.AST) -> bool:
    """Whether an exception is named that `NameError` is one of."""
    return bool(_NAME_ERRORS & set(uses(node)))


def is_of_platform(test: ast.expr) -> bool:
    """Whether what follows the test is for other Pythons, other machines, type checkers, or for nobody."""
    if isinstance(test, ast.Constant):
        return not test.value
    names = {part.attr if isinstance(part, ast.Attribute) else part.id
             for part in ast.walk(test) if isinstance(part, ast.Attribute | ast.Name)}  # fmt: skip
    return bool(names & _PLATFORM) or "os.name" in ast.unparse(test)
