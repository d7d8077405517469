"""What a module's results depend on in the source: itself and all of trajprobe that it imports."""

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parent


def closure_hash(module: str) -> str:
    """sha256 over the source of `module` (a dotted name) and of all of trajprobe that it imports, however deep."""
    files = sorted(closure(module))
    return hashlib.sha256(b"".join(file.name.encode() + file.read_bytes() for file in files)).hexdigest()


def closure(module: str) -> set[Path]:
    """The source files of `module` and of all of trajprobe that it imports, however deep."""
    found: set[Path] = set()
    waiting = [module]
    while waiting:
        file = PACKAGE.parent.joinpath(*waiting.pop().split(".")).with_suffix(".py")
        if file.is_file() and file not in found:
            found.add(file)
            waiting += _imports(file)
    return found


def _imports(file: Path) -> Iterator[str]:
    waiting: list[ast.AST] = [ast.parse(file.read_bytes())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            waiting += node.orelse  # the body never runs
            continue
        waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.startswith("trajprobe."))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("trajprobe"):
            yield node.module or ""
            yield from (f"{node.module}.{name.name}" for name in node.names)
