"""dvc.yaml names the code that each stage imports: whole rooms, and the file of the row's own family."""

import ast
import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from trajprobe.files import content_key
from trajprobe.files.content_key import import_closure, source

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src/trajprobe"
YAML_SAFE = YAML(typ="safe")
PIPELINE = YAML_SAFE.load((ROOT / "dvc.yaml").read_text())["stages"]
PARAMS = YAML_SAFE.load((ROOT / "params.yaml").read_text())
FAMILIES = sorted(path.stem for path in (PACKAGE / "backbones").glob("*.py") if path.stem not in ("family", "weights"))
#: What an edit of each room, or file outside the rooms, makes stale. Read it when it changes: an importer or a kind of
#: clutter makes no feature stale, a family its own rows alone.
STALE = {
    "__init__.py": "check synthetic prepare render weights pretrain features probe pictures compare report",
    "backbones/FAMILY.py": "weights pretrain features pictures of its rows",
    "backbones/family.py": "pretrain features pictures",
    "backbones/parts": "weights pretrain features pictures",
    "backbones/weights.py": "weights pretrain features pictures",
    "check.py": "",
    "cli.py": "",
    "cli_clips.py": "",
    "cli_data.py": "",
    "cli_group.py": "",
    "cli_report.py": "",
    "cli_repository.py": "",
    "cli_values.py": "",
    "clips": "render pretrain",
    "compare": "compare report",
    "data": "synthetic prepare",
    "errors.py": "check synthetic prepare render weights pretrain features probe pictures compare report",
    "execution": "render features pictures",
    "features": "features pictures",
    "figures": "",
    "files": "check synthetic prepare render weights pretrain features probe pictures compare report",
    "importers": "",
    "inspection": "",
    "page": "report",
    "params.py": "check synthetic prepare render weights pretrain features probe pictures compare report",
    "pictures": "pictures report",
    "pretraining": "pretrain",
    "probes": "probe",
    "published": "weights",
    "report": "compare report",
    "repository": "",
    "rows.py": "features pictures compare report",
    "runs": "",
    "run_parameters.py": "check synthetic prepare render weights pretrain features probe pictures compare report",
    "stage.py": "check synthetic prepare render weights pretrain features probe pictures compare report",
    "statistics": "prepare probe compare report",
}


def code_deps(stage):
    """The code that a stage of dvc.yaml depends on, with FAMILY in place of the row's; of `check`'s, what it hashes."""
    definition = PIPELINE[stage].get("do", PIPELINE[stage])
    deps = [dep.replace("${item.family}", "FAMILY") for dep in definition["deps"]]
    shared = [dep for dep in PIPELINE["check"]["deps"] if dep.startswith("src/")]
    by_way_of_check = shared if set(PIPELINE["check"]["outs"]) & set(deps) else []
    return [dep for dep in deps + by_way_of_check if dep.startswith(("src/", "stages/"))]


def covers(deps, file, family=None):
    path = file.relative_to(ROOT).as_posix()
    if family and path == f"src/trajprobe/backbones/{family}.py":
        return "src/trajprobe/backbones/FAMILY.py" in deps
    return any(path == dep or path.startswith(f"{dep}/") for dep in deps)


def imported_by_script(stage):
    """The files of trajprobe that a stage's script imports, at any depth; not the families, which it finds by name."""
    tree = ast.parse((ROOT / "stages" / f"{stage}.py").read_text())
    modules = {"trajprobe"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("trajprobe"):
            for name in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names)):
                modules |= import_closure(name)
    return {source(module) for module in modules}


@pytest.mark.parametrize("stage", PIPELINE)
def test_a_stage_depends_on_all_code_that_it_imports(stage):
    deps = code_deps(stage)
    assert f"stages/{stage}.py" in deps
    assert [str(file) for file in imported_by_script(stage) if not covers(deps, file)] == []


@pytest.mark.parametrize("stage", PIPELINE)
def test_a_stage_depends_on_no_room_that_it_does_not_use(stage):
    used = imported_by_script(stage)
    if "src/trajprobe/backbones/FAMILY.py" in code_deps(stage):
        used |= {file for family in FAMILIES for file in imported_by_family(family)}
    rooms = [dep for dep in code_deps(stage) if dep.startswith("src/") and "FAMILY" not in dep]
    assert [room for room in rooms if not any(covers([room], file) for file in used)] == []


def imported_by_family(family):
    return {source(module) for module in import_closure(f"trajprobe.backbones.{family}")}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_imports_only_what_the_features_stage_depends_on(family):
    deps = code_deps("features")
    assert [str(file) for file in imported_by_family(family) if not covers(deps, file, family)] == []


def test_the_output_of_check_has_a_hash_of_all_shared_code(tmp_path, monkeypatch):
    monkeypatch.setattr(content_key, "PACKAGE", tmp_path / "trajprobe")
    monkeypatch.setattr(content_key, "__file__", str(tmp_path / "trajprobe/files/content_key.py"))
    shutil.copytree(PACKAGE, tmp_path / "trajprobe", ignore=shutil.ignore_patterns("__pycache__"))
    before = content_key.shared_code_hash()
    deps = [dep for dep in PIPELINE["check"]["deps"] if dep.startswith("src/")]
    shared = [tmp_path / file.relative_to(PACKAGE.parent) for file in PACKAGE.rglob("*.py") if covers(deps, file)]
    assert len(shared) > 10
    for file in shared:
        text = file.read_text()
        file.write_text(f"{text}\n# A comment is no code.\n")
        assert content_key.shared_code_hash() == before
        file.write_text(f"{text}\nANOTHER = 1\n")
        assert content_key.shared_code_hash() != before, file
        file.write_text(text)
    for file in {*(tmp_path / "trajprobe").rglob("*.py")} - {*shared}:
        file.write_text("ANOTHER = 1\n")
    assert content_key.shared_code_hash() == before


def test_the_pipeline_fits_a_few_screens():
    assert len((ROOT / "dvc.yaml").read_text().splitlines()) <= 160


def test_the_map_of_what_each_file_makes_stale_is_as_written_above():
    stale = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        path = file.relative_to(PACKAGE)
        family = path.stem if path.parent.name == "backbones" and path.stem in FAMILIES else None
        room = "backbones/FAMILY.py" if family else str(path) if path.parent.name == "backbones" else None
        room = room or ("backbones/parts" if path.parts[:2] == ("backbones", "parts") else path.parts[0])
        stages = [stage for stage in PIPELINE if covers(code_deps(stage), file, family)]
        stale.setdefault(room, set()).add(" ".join(stages) + " of its rows" * bool(family))
    assert stale == {room: {stages} for room, stages in STALE.items()}
