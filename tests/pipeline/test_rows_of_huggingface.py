"""A model of transformers in the pipeline, tiny: from a folder as it is published to the table."""

import json
from pathlib import Path

from ruamel.yaml import YAML

from trajprobe.files.checked_json import read_checked_json

MAKER = Path(__file__).parents[1] / "backbones/small_transformers.py"
NAME = "videomae-base"
TABLE = "src/trajprobe/published/huggingface.yaml"


def add(clone):
    """Takes a model as the command line does; returns its row and its format, as they are printed."""
    clone.run("python", str(MAKER), "downloads/videomae", "videomae")
    status, told = clone.trajprobe("weights", "add", NAME, "--from", "downloads/videomae")
    assert status == 0, told
    printed = YAML(typ="safe").load("\n".join(line.strip() for line in told.splitlines() if line.startswith("  ")))
    return printed.pop(NAME), printed


def test_a_model_runs_from_a_folder_to_the_table(clone):
    table = clone.folder / TABLE  # the small model has fewer frames than its preset
    own = f"\n{NAME}:\n  architecture: {{preset: {NAME}, frames: 4}}\n"
    table.write_text(table.read_text().replace(f"\n{NAME}:\n", own))
    (clone.folder / "downloads").mkdir()
    with (clone.folder / ".gitignore").open("a") as file:
        file.write("/downloads/\n")
    row, formats = add(clone)
    for key, form in formats.items():
        clone.set(form, "clips", key)
    clone.set(row, "rows", NAME)
    clone.set(row | {"layer": 1, "pooling": "tmean", "like": "by-number"}, "rows", "by-number")
    assert clone.check() is None
    ran = clone.repro()
    assert {f"features@{NAME}", "features@by-number"} <= ran
    summary = clone.summary()
    for name in (NAME, "by-number"):
        assert {"accuracy", "random", "gain"} <= summary[name].keys()
    (path,) = (clone.folder / "data/features" / NAME / "pretrained").rglob("manifest.json")
    manifest = json.loads(path.read_text())
    provenance = read_checked_json(clone.folder / "data/weights" / NAME / "provenance.json")
    assert manifest["meta"]["weights"]["sha256"] == provenance["sha256"]
    assert manifest["meta"]["packages"]["transformers"]
    assert clone.repro() == set()

    clone.set("pooler", "rows", "videomae-base", "pooling")
    told = clone.run("dvc", "repro", "features@videomae-base", fails=True)
    assert "got pooling pooler, but VideoMAEModel has none; use tmean" in told
    clone.set("max", "rows", "videomae-base", "pooling")
    assert "expected one of tmean, tdiff, mean, flatten, cls, pooler" in clone.check()
    clone.set("tmean", "rows", "videomae-base", "pooling")
    clone.set(4, "rows", "videomae-base", "layer")
    assert "got `4`, expected one of last, or a number from 0 to 3" in clone.check()
