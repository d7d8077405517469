"""Models of transformers in the pipeline, tiny: from folders as they are published to the table."""

import json
import sys
from pathlib import Path

from ruamel.yaml import YAML

from trajprobe.files.checked_json import read_checked_json

MAKER = Path(__file__).parents[1] / "backbones/small_transformers.py"
#: What `weights add` calls each, and what the maker does.
MODELS = {
    "videomae-base": "videomae",
    "siglip-own": "siglip",
}
#: Rows of a user, for models that the project does not list.
OWN = """
siglip-own:
  architecture: {model: SiglipVisionModel}
  unexpected: [text_model., logit_scale, logit_bias]
  pooling: pooler
"""
TABLE = "src/trajprobe/published/huggingface.yaml"


def add(clone, name):
    """Takes a model as the command line does; returns its row and its format, as they are printed."""
    clone.run(sys.executable, str(MAKER), f"downloads/{name}", MODELS[name])
    status, told = clone.trajprobe("weights", "add", name, "--from", f"downloads/{name}")
    assert status == 0, told
    printed = YAML(typ="safe").load("\n".join(line.strip() for line in told.splitlines() if line.startswith("  ")))
    return printed.pop(name), printed


def test_every_model_runs_from_a_folder_to_the_table(clone):
    table = clone.folder / TABLE
    text = table.read_text()
    for name in ("videomae-base",):  # the small ones have fewer frames than their presets
        text = text.replace(f"\n{name}:\n", f"\n{name}:\n  architecture: {{preset: {name}, frames: 4}}\n")
    table.write_text(text + OWN)
    (clone.folder / "downloads").mkdir()
    with (clone.folder / ".gitignore").open("a") as file:
        file.write("/downloads/\n")
    before = clone.summary()
    for name in MODELS:
        row, formats = add(clone, name)
        for key, form in formats.items():
            clone.set(form, "clips", key)
        clone.set(row, "rows", name)
    clone.set(row | {"layer": 1, "pooling": "tmean", "like": "by-number"}, "rows", "by-number")
    clone.set(row | {"layer": 0, "pooling": "mean", "weights": "random", "like": "bare"}, "rows", "bare")
    assert clone.check() is None
    ran = clone.repro()
    assert {f"features@{name}" for name in (*MODELS, "by-number", "bare")} <= ran
    summary = clone.summary()
    for name in (*MODELS, "by-number"):
        assert {"accuracy", "random", "gain"} <= summary[name].keys()
    for key in ("accuracy", "random"):  # its gain is in a larger family now
        assert summary["magvit2-tiny"][key] == before["magvit2-tiny"][key]
    for name in MODELS:
        (path,) = (clone.folder / "data/features" / name / "pretrained").rglob("manifest.json")
        manifest = json.loads(path.read_text())
        provenance = read_checked_json(clone.folder / "data/weights" / name / "provenance.json")
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
