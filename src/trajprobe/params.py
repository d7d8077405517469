"""The strict reader of params.yaml: an unknown, missing or ill-typed key is an error that names the valid ones.

Each room keeps its own frozen parameter struct (msgspec), so that a new probe parameter
touches nothing that the features depend on; this leaf only knows how to fill one.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, ScalarEvent

from trajprobe.errors import UserError

PARAMS = Path("params.yaml")
#: The sections of params.yaml; what stands in each is declared by its room.
SECTIONS = (
    "dataset",
    "compute",
    "synthetic",
    "prepare",
    "render",
    "scenes",
    "clips",
    "package_weights",
    "pretrain",
    "features",
    "rows",
    "probe",
    "compare",
)
#: Sections that map names to settings. The names stand in DVC's stage names, in paths and in commands.
NAMED_SECTIONS = ("scenes", "clips", "package_weights", "pretrain", "rows")
#: DVC leaves keys of these names, at any depth, out of its run cache's hash (treeverse/dvc#10296): a changed value
#: would bring back the results of the old one.
KEYS_LOST_BY_DVC = ("size", "nfiles")

#: Levels, values and characters of a YAML file at most: params.yaml has 5, some 300 and 6,000, dvc.lock 50,000.
DEPTH, NODES, LETTERS = 50, 100_000, 2**22

T = TypeVar("T")
#: What numpy, torch and scikit-learn all take as a seed.
Seed = Annotated[int, msgspec.Meta(ge=0, lt=2**32)]


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of every parameter struct: immutable; unknown, missing and ill-typed keys are refused."""


def read(path: Path = PARAMS) -> dict[str, Any]:
    """All of params.yaml, its sections checked by name.

    The YAML reader is DVC's own (YAML 1.2, where 3e-3 is a number), so that both see the same values.

    Raises:
        UserError: the file is missing, is no YAML mapping, or has an unknown, repeated or missing section.
    """
    values = parse_yaml(read_text(path), path)
    if not isinstance(values, dict):
        raise UserError(f"{path}: expected a mapping with the keys {', '.join(SECTIONS)}")
    for key in values:
        if key not in SECTIONS:
            raise UserError(f"{path}: unknown key `{key}`; the valid keys are {', '.join(SECTIONS)}")
    for key in SECTIONS:
        if key not in values:
            raise UserError(f"{path}: missing key `{key}`; expected the keys {', '.join(SECTIONS)}")
    _check_keys(values, path)
    for key in NAMED_SECTIONS:
        for name in values[key] if isinstance(values[key], dict) else ():
            check_name(str(name), f"{path}: `{key}.{name}`")
    return values


def read_text(path: Path = PARAMS) -> str:
    """The text of params.yaml.

    Raises:
        UserError: the file is missing, or is no UTF-8 text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); run from the top of the repository") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: is not UTF-8 text; save it as such") from None


def parse_yaml(text: str, where: object) -> Any:
    """The value of a YAML text; `where` begins the message when it is refused.

    A few lines can declare billions of values: an alias stands for all that its anchor has, which may have aliases
    itself. So they are counted first, from the stream of events, which nests and repeats nothing.

    Raises:
        UserError: it is no valid YAML, nests more than `DEPTH` levels, or has more than `NODES` values or
            `LETTERS` characters.
    """
    try:
        if len(text) > LETTERS:
            raise ValueError(f"it has {len(text):,} characters, more than {LETTERS:,}")
        _check_expansion(text)
        return YAML(typ="safe").load(text)
    except DuplicateKeyError as error:
        raise UserError(f"{where}: {_repeated(error)} stands twice in one mapping; merge or rename them") from None
    except (YAMLError, ValueError, TypeError, RecursionError) as error:  # no such day, too long a number, a list as key
        reason = " ".join(str(error).replace('in "<unicode string>", ', "in ").split())
        raise UserError(f"{where}: is no valid YAML: {reason}") from None


def _check_expansion(text: str) -> None:
    """Raises ValueError where a YAML text nests too deeply, or stands for too many values."""
    of_anchor: dict[str, int] = {}
    open_nodes: list[list[Any]] = [["", 0]]  # the anchor of each collection that is open, and its values so far
    for event in YAML(typ="safe").parse(text):
        if isinstance(event, AliasEvent):
            if event.anchor not in of_anchor:
                raise ValueError(f"*{event.anchor} stands for nothing, or for itself")
            open_nodes[-1][1] += of_anchor[event.anchor]
        elif isinstance(event, ScalarEvent):
            of_anchor |= {event.anchor: 1} if event.anchor else {}
            open_nodes[-1][1] += 1
        elif isinstance(event, CollectionStartEvent):
            open_nodes.append([event.anchor, 1])
        elif isinstance(event, CollectionEndEvent):
            anchor, count = open_nodes.pop()
            of_anchor |= {anchor: count} if anchor else {}
            open_nodes[-1][1] += count
        if len(open_nodes) > DEPTH:
            raise ValueError(f"it nests more than {DEPTH} levels")
        if open_nodes[-1][1] > NODES:
            raise ValueError(f"it stands for more than {NODES:,} values, aliases counted")


def check_name(name: str, where: str, taken: Sequence[str] = ()) -> None:
    """Raises UserError unless `name` will do in paths, commands and DVC's stage names; `where` begins the message."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", name) or name in taken:
        but = f", and none of {', '.join(taken)}" if taken else ""
        raise UserError(f"{where}: got {name!r}, expected letters, digits, - and _{but}; rename it")


def _check_keys(node: Any, path: Path, *above: str) -> None:
    """Refuses the keys of `KEYS_LOST_BY_DVC` anywhere below `node`."""
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        if key in KEYS_LOST_BY_DVC:
            place = ".".join([*above, key])
            raise UserError(
                f"{path}: got `{place}`, expected no key called `{key}`: DVC leaves it out of its run cache and would "
                "bring back old results (treeverse/dvc#10296); use another name"
            )
        _check_keys(child, path, *above, str(key))


def _repeated(error: DuplicateKeyError) -> str:
    """The key that a mapping has twice, and in which line."""
    key = (re.search(r'duplicate key "(.*?)"', str(error.problem)) or ["", "a key"])[1]
    return f"line {error.problem_mark.line + 1}: `{key}`" if error.problem_mark else f"`{key}`"


def section(values: dict[str, Any], struct: type[T], *keys: str) -> T:
    """The part of params.yaml at `keys`, as the parameter struct (or msgspec type) that its room declares.

    Raises:
        UserError: a key of `keys` is missing, or its value does not fit `struct`.
    """
    node: Any = values
    for depth, key in enumerate(keys):
        if not isinstance(node, dict) or key not in node:
            present = ", ".join(map(str, node)) if isinstance(node, dict) and node else "none"
            raise UserError(
                f"{PARAMS}: no `{key}` in `{'.'.join(keys[:depth]) or 'the file'}`; expected one of {present}"
            )
        node = node[key]
    return parse(node, struct, f"{PARAMS}: `{'.'.join(keys)}`")


def parse(node: Any, struct: type[T], where: str) -> T:
    """`node` (plain YAML values) as `struct`; `where` begins the message when it does not fit."""
    try:
        return msgspec.convert(node, struct, strict=True)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `")
        at = path.removesuffix("`").removeprefix("$").lstrip(".")
        reason = reason.replace("Object contains unknown field", "unknown key")
        reason = reason.replace("Object missing required field", "missing key")
        nearest, kind = _declared(struct, at)
        if reason.startswith("Invalid enum value"):
            reason += f", expected one of {', '.join(get_args(kind))}"
        fields = getattr(nearest, "__struct_fields__", ())
        keys = f"; the valid keys are {', '.join(fields)}" if fields else ""
        raise UserError(f"{where}{f', at `{at}`' if at else ''}: {reason}{keys}") from None


def _declared(kind: Any, path: str) -> tuple[Any, Any]:
    """What is declared at a path of names within a type: the struct that it leads into last, and the type there."""
    struct = kind
    for part in filter(None, path.split(".")):
        name, _, index = part.partition("[")
        kind = get_type_hints(kind).get(name) if isinstance(kind, type) and issubclass(kind, msgspec.Struct) else None
        kind = _member(kind, is_listed=bool(index))
        struct = kind if hasattr(kind, "__struct_fields__") else struct
    return struct, kind


def _member(kind: Any, *, is_listed: bool) -> Any:
    """Of a declared type, or of those of a union, what stands in a list; or the first that is no list."""
    for option in get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,):
        is_list = get_origin(option) in (list, tuple)
        if is_list == is_listed:
            return get_args(option)[0] if is_list else option
    return kind
