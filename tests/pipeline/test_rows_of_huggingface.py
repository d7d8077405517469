"""A model of transformers in the pipeline, tiny: from a folder as it is published to the table, in this process."""

import json
import runpy
from pathlib import Path

import in_process
import msgspec
import pytest
from ruamel.yaml import YAML

from trajprobe.errors import UserError
from trajprobe.files.checked_json import read_checked_json
from trajprobe.published import source_huggingface
from trajprobe.published.add_weights import add_weights

MAKER = Path(__file__).parents[1] / "backbones/small_transformers.py"
NAME = "videomae-base"


def add():
    """Takes a model as the command line does; returns its row and its format, as they are printed."""
    Path("downloads").mkdir()
    runpy.run_path(str(MAKER))["save"](Path("downloads/videomae"), "videomae")
    lines = []
    add_weights(NAME, Path("downloads/videomae"), raw=False, replace=False, report_progress=lines.append)
    printed = YAML(typ="safe").load("\n".join(line.strip() for line in lines if line.startswith("  ")))
    return printed.pop(NAME), printed


def test_a_model_runs_from_a_folder_to_the_table(tmp_path, monkeypatch):
    in_process.begin_with_dvc(tmp_path, monkeypatch)
    published = source_huggingface.ROWS[NAME]  # the small model has fewer frames than its preset
    own = msgspec.structs.replace(published, architecture={"preset": NAME, "frames": 4})
    monkeypatch.setitem(source_huggingface.ROWS, NAME, own)
    row, formats = add()
    rows = {NAME: row, "by-number": row | {"layer": 1, "pooling": "tmean", "like": "by-number"}}
    in_process.write_tracks(*in_process.right_or_left(40))
    in_process.write(in_process.parameters("mine", [], rows, clips=formats))
    assert in_process.refusal() is None
    in_process.details_of_all_stages()
    in_process.pictures_and_page()
    summary = in_process.summary(tmp_path)
    for name in rows:
        assert {"accuracy", "random", "gain"} <= summary[name].keys()
    (path,) = Path("data/features", NAME, "pretrained").rglob("manifest.json")
    manifest = json.loads(path.read_text())
    provenance = read_checked_json(Path("data/weights", NAME, "provenance.json"))
    assert manifest["meta"]["weights"]["sha256"] == provenance["sha256"]
    assert manifest["meta"]["packages"]["transformers"]

    in_process.change_row(NAME, pooling="pooler")
    with pytest.raises(UserError, match="got pooling pooler, but VideoMAEModel has none; use tmean"):
        in_process.stage("features", NAME)
    in_process.change_row(NAME, pooling="max")
    assert "expected one of tmean, tdiff, mean, flatten, cls, pooler" in in_process.refusal()
    in_process.change_row(NAME, pooling="tmean", layer=4)
    assert "got `4`, expected one of last, or a number from 0 to 3" in in_process.refusal()
