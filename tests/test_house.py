"""The house: rooms follow the flow, torch stays where networks are, and a name means one thing."""

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src/trajprobe"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")
#: Along the flow: a room imports from itself and from those before it.
FLOW = [
    *(
        "errors",
        "params",
        "run_parameters",
        "stage",
        "files",
        "statistics",
        "rows",
        "data",
        "execution",
        "clips",
        "inspection",
        "figures",
    ),
    "backbones",
    *("pretraining", "features", "pictures", "probes", "compare", "report", "page"),
    *("repository", "runs", "importers", "published"),
    *("check", "cli_values", "cli_group", "cli_clips", "cli_data", "cli_report", "cli_repository", "cli"),
]
FAMILIES = {path.stem for path in (PACKAGE / "backbones").glob("*.py")}
WITH_TORCH = {"backbones", "pretraining", "features", "pictures", "published"}


def room(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_every_room_is_in_the_flow():
    assert {room(path) for path in MODULES} == set(FLOW)


@pytest.mark.parametrize("name", FLOW)
def test_imports_run_along_the_flow(name):
    before = FLOW[: FLOW.index(name) + 1]
    for path in MODULES:
        if room(path) == name:
            for module in imports(path):
                if module.startswith("trajprobe."):
                    assert module.split(".")[1] in before, f"{path.relative_to(ROOT)} imports {module}"


def test_torch_is_imported_by_rooms_of_networks_and_by_the_attentive_probe_alone():
    with_torch = {path for path in MODULES if any(module.split(".")[0] == "torch" for module in imports(path))}
    assert {room(path) for path in with_torch - {PACKAGE / "probes/attentive.py"}} <= WITH_TORCH


def test_no_two_modules_differ_by_an_ending():
    stems = defaultdict(list)
    for path in MODULES:
        if room(path) != "published" or path.stem not in FAMILIES:  # where the weights of a family come from
            stems[re.sub(r"(s|ing|ed|er|ion)$", "", path.stem)].append(path.relative_to(PACKAGE).as_posix())
    assert {stem: paths for stem, paths in stems.items() if len(paths) > 1} == {}


def test_no_public_class_of_one_room_has_the_name_of_another_rooms():
    rooms = defaultdict(set)
    for path in MODULES:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                rooms[node.name].add(room(path))
    assert {name: names for name, names in rooms.items() if len(names) > 1} == {}


def test_no_module_is_longer_than_a_reader_bears():
    lengths = {path.relative_to(PACKAGE).as_posix(): len(path.read_text().splitlines()) for path in MODULES}
    assert {path: length for path, length in lengths.items() if length > 300} == {}
