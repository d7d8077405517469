"""dvc.yaml and dvc.lock tell the truth about the code: what runs is what they name, and it is this clone's."""

import hashlib
import json
from functools import cache
from pathlib import Path

from ruamel.yaml import YAML

from trajprobe.files.content_key import SHARED_CODE

ROOT = Path(__file__).parents[2]
#: Endings of what .dvcignore lets through of rooms.
CODE = (".py", ".yaml", ".html", ".css", ".js")


def test_every_stage_depends_on_all_modules_that_it_loads(reproduced):
    stages = reproduced.lock()
    assert len(stages) == len(reproduced.ran) == 29
    for name, stage in stages.items():
        command = stage["cmd"].removeprefix("python ").replace('"$DVC_STAGE"', name)
        loaded = {Path(file).relative_to(reproduced.folder).as_posix() for file in reproduced.loaded[command]}
        deps = [dep["path"] for dep in stage["deps"]]
        if str(SHARED_CODE) in deps:  # it has a hash of them
            deps += [dep["path"] for dep in stages["check"]["deps"]]
        assert "src/trajprobe/params.py" in loaded, name
        assert {
            path for path in loaded if not any(path == dep or path.startswith(f"{dep}/") for dep in deps)
        } == set(), name
        assert command.split()[0] in deps, name


def test_a_clone_runs_its_own_edited_source(clone):
    source = clone.folder / "src/trajprobe/data/synthetic.py"
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
            if dep["path"].startswith(("src/", "stages/")):
                assert md5(ROOT / dep["path"]) == dep["md5"], f"{name}: {dep['path']} changed after `make repro`"
        for key, recorded in stage["params"]["params.yaml"].items():
            node = declared
            for part in key.split("."):
                node = node[part]
            assert node == recorded, f"{name}: {key} changed after the last `make repro`"


@cache
def md5(path):
    """What DVC writes into dvc.lock for a file or a folder of code."""
    if path.is_file():
        return hashlib.md5(path.read_bytes()).hexdigest()
    files = [file for file in sorted(path.rglob("*")) if file.suffix in CODE]
    entries = [{"md5": md5(file), "relpath": file.relative_to(path).as_posix()} for file in files]
    listing = json.dumps(sorted(entries, key=lambda entry: entry["relpath"].split("/")), sort_keys=True)
    return f"{hashlib.md5(listing.encode()).hexdigest()}.dir"
