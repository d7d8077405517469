"""Open-MAGVIT2 in the pipeline, at tiny width: three lines in params.yaml, with a weights folder and without."""

import pytest

from trajprobe.check import check
from trajprobe.errors import UserError

SHAPE = {"ch": 32, "num_res_blocks": 1}
FORMAT = {"frames": 1, "resolution": 16}  # more frames take long: the family enlarges them to 128 x 128 pixels
ROW = {"family": "open_magvit2", "architecture": SHAPE, "clips": "t1", "layer": "latents"}
WITH_WEIGHTS = ROW | {"weights": "open-magvit2", "like": "open-magvit2"}
BARE = ROW | {"weights": "random", "like": "bare"}
SAVE = """
import sys; sys.path.insert(0, "src")
from pathlib import Path
import torch
from trajprobe.backbones import weights
from trajprobe.backbones.open_magvit2 import OpenMagvit2
torch.manual_seed(1)
network = OpenMagvit2(ch=32, num_res_blocks=1)
weights.save(Path("data/weights/open-magvit2"), network, {"made_by": "test", "trained_frames": 17})
"""


def test_a_row_with_weights_and_one_without_run_to_the_table(clone):
    before = clone.summary()
    clone.set(FORMAT, "clips", "t1")
    clone.set(WITH_WEIGHTS, "rows", "open-magvit2")
    clone.set(BARE | {"layer": "histogram"}, "rows", "bare")
    refusal = clone.check()
    assert "`rows.open-magvit2.weights`: got `open-magvit2`, expected one of magvit2-tiny" in refusal
    assert "`trajprobe weights add` brings published ones" in refusal
    clone.run("python", "-c", SAVE)
    clone.run("dvc", "add", "data/weights/open-magvit2")
    assert clone.check() is None

    told = clone.run("python", "stages/features.py", "open-magvit2", "--dry", fails=True)
    assert "data/clips/t1: is missing; `dvc repro render@t1` renders it" in told
    ran = clone.repro()
    assert ran == {
        "check",
        "render@t1",
        *(f"{stage}@{row}" for stage in ("features", "probe", "pictures") for row in ("open-magvit2", "bare")),
        "compare",
        "report",
    }
    summary = clone.summary()
    assert {"accuracy", "random", "gain"} <= summary["open-magvit2"].keys()
    assert {"accuracy", "difference"} <= summary["bare"].keys()
    for key in ("accuracy", "random"):  # its gain is in a larger family now
        assert summary["magvit2-tiny"][key] == before["magvit2-tiny"][key]
    table = (clone.folder / "data/report/table.md").read_text()
    assert "open-magvit2 pretrained latents.tmean: clips of 1 frame, but its weights were trained on 17." in table
    assert "| bare | random, 2 seeds | plain | histogram.tmean, 1 x 192 |" in table

    told = clone.run("python", "stages/features.py", "open-magvit2", "--dry")
    assert "open-magvit2, over the clips of t1: 3 x 60 clips of" in told
    assert "1 x 18 features a clip" in told
    assert clone.repro() == set()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            {"clips": "t6"},
            "`rows.bare.clips`: got clips of 6 frames, expected 4k + 1: 1, 5, 9, ...; choose or add",
        ),
        ({"layer": "codes", "precision": "bfloat16"}, "`rows.bare.precision`: got `bfloat16`, expected float32"),
        ({"precision": "float16"}, "Invalid enum value 'float16', expected one of float32, tf32, bfloat16"),
        ({"architecture": {"ch": 100}}, "`rows.bare.architecture`, at `ch`"),
    ],
)
def test_rows_that_will_not_do_are_refused_before_the_run(reproduced, monkeypatch, changed, words):
    monkeypatch.chdir(reproduced.folder)
    values = reproduced.params()
    values["clips"] |= {"t1": FORMAT, "t6": FORMAT | {"frames": 6}}
    values["rows"]["bare"] = BARE | changed
    with pytest.raises(UserError) as caught:
        check(values)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
