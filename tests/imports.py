"""What each module of the four folders imports, read from the sources."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("engines", "realtime", "train", "benchmarks")


def _nodes(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes, without those that only a type checker sees."""
    if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
        for other in node.orelse:
            yield from _nodes(other)
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _nodes(child)


def imported(path: Path) -> set[str]:
    """The dotted names that a file imports, at its top or anywhere in it: modules, or names in modules."""
    names: set[str] = set()
    for node in _nodes(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports are not used in this project"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def module_name(path: Path) -> str:
    """The dotted name of a file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def import_graph() -> dict[str, set[str]]:
    """Each module of the four folders, and the modules of the four folders that it imports."""
    files = {module_name(path): path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")}
    graph = {}
    for module, path in files.items():
        names = imported(path)
        found = {name if name in files else name.rpartition(".")[0] for name in names}
        graph[module] = (found & files.keys()) - {module}
    return graph


def reachable(start: str) -> set[str]:
    """The modules that a module imports, directly or through others."""
    graph, found, left = import_graph(), set[str](), [start]
    while left:
        new = graph[left.pop()] - found
        found |= new
        left += new
    return found
