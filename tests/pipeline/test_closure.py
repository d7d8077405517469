"""dvc.yaml and dvc.lock tell the truth about the code: what runs is what they name, and it is this clone's."""

import hashlib
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]


def code(stage):
    return {dep["path"] for dep in stage["deps"] if dep["path"].endswith(".py")}


#: What only some networks are made of. A list of deps can't follow a row, so each of them stands for every network.
NAMES = ("axial", "causal", "lfq", "pixel_values", "transformers_files", "vq")
PARTS = {f"src/trajprobe/backbones/{name}.py" for name in NAMES}


def parts(stage):
    """Those that a stage names though its own network may do without."""
    return PARTS & code(stage) if stage["cmd"].startswith(("python stages/features", "python stages/random")) else set()


def test_every_stage_depends_on_just_the_modules_that_it_loads(reproduced):
    stages = reproduced.lock()
    assert len(stages) == len(reproduced.ran) >= 20
    for name, stage in stages.items():
        command = stage["cmd"].removeprefix("python ")
        loaded = {str(Path(file).relative_to(reproduced.folder)) for file in reproduced.loaded[command]}
        expected = code(stage) - {command.split()[0]}
        assert loaded - expected == set(), name
        assert expected - loaded - parts(stage) == set(), name
        assert command.split()[0] in code(stage), name


def test_a_clone_runs_its_own_edited_source(clone):
    source = clone.folder / "src/trajprobe/trajectories/synthetic.py"
    source.write_text(
        source.read_text().replace("def zigzag(", "def sawtooth(").replace("    zigzag,", "    sawtooth,")
    )
    assert clone.repro("synthetic") == {"synthetic"}
    code = "import sys, numpy; print(numpy.load('data/raw/synthetic.npz')['label_names'])"
    assert "sawtooth" in clone.run("python", "-c", code)


def test_the_committed_lock_is_of_the_committed_code_and_parameters():
    lock = YAML(typ="safe").load((ROOT / "dvc.lock").read_text())["stages"]
    declared = YAML(typ="safe").load((ROOT / "params.yaml").read_text())
    for name, stage in lock.items():
        for dep in stage["deps"]:
            if dep["path"].endswith(".py"):
                now = hashlib.md5((ROOT / dep["path"]).read_bytes()).hexdigest()
                assert now == dep["md5"], f"{name}: {dep['path']} changed after the last `make repro`"
        for key, recorded in stage["params"]["params.yaml"].items():
            node = declared
            for part in key.split("."):
                node = node[part]
            assert node == recorded, f"{name}: {key} changed after the last `make repro`"


def test_the_readme_shows_the_table_of_the_committed_results():
    lock = YAML(typ="safe").load((ROOT / "dvc.lock").read_text())["stages"]
    (table,) = [out for out in lock["compare"]["outs"] if out["path"] == "data/report/table.md"]
    readme = (ROOT / "README.md").read_text()
    shown = readme.partition("<!-- table -->\n")[2].partition("<!-- end of table -->")[0]
    assert hashlib.md5(shown.encode()).hexdigest() == table["md5"], "paste data/report/table.md between the marks"
