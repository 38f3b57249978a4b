"""Reads the imports of our modules from their source and says which go where they must not."""

import ast
import graphlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ARROWS = {
    "config": set[str](),
    "remora": {"config"},
    "tasks": {"config", "remora"},
    "gateway": {"config", "remora"},
    "workers": {"config", "remora", "tasks", "gateway", "airflow_bridge"},
    "airflow_bridge": set[str](),
}
"""Which folder may import which, beside itself."""

OURS = {*ARROWS, "bench", "deploy", "tests"}

SERVERS = {"celery", "fastapi", "flower", "kombu", "starlette", "tornado", "uvicorn"}
FACES = {"airflow", "click", "rich"}
CLIENTS = {"aiohttp", "requests", "urllib3"}
FOREIGN = {
    "config": SERVERS | FACES | CLIENTS | {"httpx", "paramiko", "redis"},
    "remora": SERVERS | FACES | CLIENTS | {"httpx"},
    "tasks": (SERVERS - {"celery", "kombu"}) | FACES,
    "gateway": {"celery", "flower", "kombu", "paramiko"} | FACES,
    "airflow_bridge": SERVERS | CLIENTS | {"click", "paramiko", "pydantic", "redis", "rich"},
}
"""Packages of others that a folder must do without."""

LAZY = ("workers.cli", "workers.commands")
"""Where an import inside a function is right: the command line starts fast by it."""


@dataclass(frozen=True)
class Import:
    """One import of one module."""

    importer: str
    """Module that imports, dotted."""
    imported: str
    """What it names, dotted; of ``from a import b`` it is ``a.b``."""
    line: int
    top: bool
    """Whether it stands at the top level of the module, under no ``if``, ``try`` or function."""

    def __str__(self) -> str:
        """Say where it stands."""
        return f"{self.importer}:{self.line} imports {self.imported}"


def faults(root: Path) -> list[str]:
    """Give a sentence for every import below ``root`` that breaks a rule, and for every circle."""
    modules = _modules(root)
    imports = [found for name, path in modules.items() for found in _imports_of(name, path)]
    said = [f"{one}: {fault}" for one in imports if (fault := _fault(one))]
    return said + _circles(modules, imports)


def _modules(root: Path) -> dict[str, Path]:
    paths = [
        path
        for folder in ARROWS
        for path in sorted((root / folder).rglob("*.py"))
        if "build" not in path.relative_to(root).parts
    ]
    return {_dotted(path.relative_to(root)): path for path in paths}


def _dotted(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports_of(module: str, path: Path) -> Iterator[Import]:
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    top = {id(statement) for statement in tree.body}
    for node in ast.walk(tree):
        for name in _names(node):
            yield Import(module, name, getattr(node, "lineno", 0), id(node) in top)


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        origin = "." * node.level + (node.module or "")
        return [f"{origin}.{alias.name}" for alias in node.names]
    return []


def _fault(one: Import) -> str | None:
    importer, imported = _folder(one.importer), _folder(one.imported)
    if one.imported.startswith("."):
        return "write the whole name"
    if imported in FOREIGN.get(importer, ()):
        return f"{importer} does without {imported}"
    if imported not in OURS:
        return None
    if imported != importer and imported not in ARROWS[importer]:
        return f"{importer} may not import {imported}"
    if not one.top and not one.importer.startswith(LAZY):
        return "our own modules are imported at the top of the file"
    return None


def _folder(module: str) -> str:
    return module.partition(".")[0]


def _circles(modules: dict[str, Path], imports: list[Import]) -> list[str]:
    graph: dict[str, set[str]] = {name: set() for name in modules}
    for one in imports:
        target = _module_named(one.imported, modules)
        if target and one.top:
            graph[one.importer].add(target)
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return ["circle: " + " → ".join(reversed(error.args[1]))]
    return []


def _module_named(name: str, modules: dict[str, Path]) -> str | None:
    """Give the module that a dotted name belongs to: the name itself, or what is left of its last dot."""
    return next((known for known in (name, name.rpartition(".")[0]) if known in modules), None)
