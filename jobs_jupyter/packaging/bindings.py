"""Which names a piece of Python binds."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)


def bindings(body: Iterable[ast.AST]) -> Iterator[str]:
    """Yield every name that these nodes bind in the scope that they stand in."""
    for node in body:
        yield from _own(node)
        if isinstance(node, _COMPREHENSIONS):
            yield from (part.target.id for part in ast.walk(node) if isinstance(part, ast.NamedExpr))
        elif not isinstance(node, _SCOPES):
            yield from bindings(ast.iter_child_nodes(node))


def _own(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name):
        if not isinstance(node.ctx, ast.Load):
            yield node.id
    elif isinstance(node, ast.alias):
        yield node.asname or node.name.partition(".")[0]
    elif isinstance(node, ast.MatchMapping):
        if node.rest:
            yield node.rest
    elif isinstance(node, ast.Nonlocal):
        yield from node.names
    else:
        name = getattr(node, "name", None)  # functions, classes, except … as, match patterns
        if isinstance(name, str):
            yield name


def function_bindings(node: _Function) -> set[str]:
    """Return the local names of a function."""
    arguments = node.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    names = {part.arg for part in (*every, arguments.vararg, arguments.kwarg) if part is not None}
    body: list[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else list(node.body)
    own = set(bindings(body)) - set(_declared_global(body))
    return names | own | {"__class__"}


def _declared_global(body: Iterable[ast.AST]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.Global):
            yield from node.names
        elif not isinstance(node, _SCOPES):
            yield from _declared_global(ast.iter_child_nodes(node))


def type_parameters(node: ast.AST) -> set[str]:
    """Return the names between the brackets of `def f[T]`, `class C[T]` or `type A[T]`."""
    return {parameter.name for parameter in getattr(node, "type_params", [])}
