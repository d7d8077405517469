"""A hash of the code that a module's results depend on: itself and all of trajprobe that it imports.

Code alone is hashed: the syntax tree without docstrings, comments, layout and the messages of errors. A reworded
docstring makes no cached shard stale. The hash is the same on every Python that is supported, which `ast.dump` is not:
3.12 adds fields and 3.13 leaves empty ones out.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
#: Made by `check`, which all other stages depend on: it has the hash of the code that they share.
SHARED_CODE = Path("data/shared_code.txt")
#: Modules outside all rooms that every stage imports.
SHARED = ("trajprobe", "trajprobe.errors", "trajprobe.params", "trajprobe.run_parameters", "trajprobe.stage")
#: Modules that can't change what is computed: errors, the reader of params.yaml and what refuses its changes, what a
#: stage does around its work, and what refuses work for lack of memory.
OUTSIDE = (*SHARED, "trajprobe.files.memory")


def code_hash(module: str) -> str:
    """sha256 over the code of `module` (a dotted name) and of all of trajprobe that it imports, at any depth."""
    return _digest(import_closure(module, OUTSIDE))


def shared_code_hash() -> str:
    """sha256 over the code that all stages have in common: `SHARED` and this room."""
    room = Path(__file__).parent
    return _digest({*SHARED, *(f"trajprobe.{room.name}.{path.stem}" for path in room.glob("*.py"))})


def _digest(modules: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for name in sorted(modules):
        digest.update(f"{name} {_canonical(ast.parse(source(name).read_bytes()))}\n".encode())
    return digest.hexdigest()


def import_closure(module: str, outside: tuple[str, ...] = ()) -> set[str]:
    """The dotted names of `module` and of all modules of trajprobe that it imports, at any depth.

    Modules in `outside` are left out, and so is what only they import. What stands under `if TYPE_CHECKING` is not
    imported when the code runs, and does not count.
    """
    modules: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in modules or name in outside or not source(name).is_file():
            continue
        modules.add(name)
        waiting += _imports(source(name))
    return modules


def source(module: str) -> Path:
    """The file of a module of trajprobe, whether it is there or not."""
    path = PACKAGE.parent.joinpath(*module.split("."))
    return path / "__init__.py" if module == "trajprobe" else path.with_suffix(".py")


def _imports(file: Path) -> Iterator[str]:
    waiting: list[ast.AST] = [ast.parse(file.read_bytes())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            waiting += node.orelse
            continue
        waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] == "trajprobe")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "trajprobe":
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _canonical(node: object) -> str:
    """A tree in a form of its own: types, and those fields that are not empty."""
    if isinstance(node, list):
        return f"[{' '.join(map(_canonical, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    if isinstance(node, ast.Raise):
        return "Raise"  # a message changes no result
    fields = {name: value for name, value in ast.iter_fields(node) if value not in (None, [])}
    if _has_docstring(node):
        fields["body"] = fields["body"][1:]
    return f"({type(node).__name__} {' '.join(f'{name}={_canonical(fields[name])}' for name in sorted(fields))})"


def _has_docstring(node: ast.AST) -> bool:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return isinstance(node, kinds) and ast.get_docstring(node, clean=False) is not None
