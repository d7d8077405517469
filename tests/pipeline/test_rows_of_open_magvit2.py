"""Open-MAGVIT2 in the pipeline, at tiny width: three lines in params.yaml, with a weights folder and without."""

from pathlib import Path

import in_process
import pytest
import torch

from trajprobe.backbones import weights
from trajprobe.backbones.open_magvit2 import OpenMagvit2
from trajprobe.check import check
from trajprobe.errors import UserError

SHAPE = {"ch": 32, "num_res_blocks": 1}
FORMAT = {"frames": 1, "resolution": 16}  # more frames take long: the family enlarges them to 128 x 128 pixels
ROW = {"family": "open_magvit2", "architecture": SHAPE, "clips": "t1", "layer": "latents"}
WITH_WEIGHTS = ROW | {"weights": "open-magvit2", "like": "open-magvit2"}
BARE = ROW | {"weights": "random", "like": "bare"}


def test_a_row_with_weights_and_one_without_run_to_the_table(tmp_path, monkeypatch):
    repository = in_process.begin_with_dvc(tmp_path, monkeypatch)
    rows = {"open-magvit2": WITH_WEIGHTS, "bare": BARE | {"layer": "histogram"}}
    in_process.write_tracks(*in_process.right_or_left(16))
    in_process.write(in_process.parameters("mine", [], rows, clips={"t1": FORMAT}))
    refusal = in_process.refusal()
    assert "`rows.open-magvit2.weights`: got `open-magvit2`, expected one of random" in refusal
    assert "`trajprobe weights add` brings published ones" in refusal
    torch.manual_seed(1)
    provenance = {"made_by": "test", "trained_frames": 17}
    weights.save(Path("data/weights/open-magvit2"), OpenMagvit2(**SHAPE), provenance)
    repository.run("dvc", "add", "data/weights/open-magvit2")
    assert in_process.refusal() is None

    with pytest.raises(UserError, match="data/clips/t1: is missing; `dvc repro render@t1` renders it"):
        in_process.stage("features", "open-magvit2", "--dry")
    in_process.details_of_all_stages()
    in_process.pictures_and_page()
    summary = in_process.summary(tmp_path)
    assert {"accuracy", "random", "gain"} <= summary["open-magvit2"].keys()
    assert {"accuracy", "difference"} <= summary["bare"].keys()
    table = Path("data/report/table.md").read_text()
    assert "open-magvit2 pretrained latents.tmean: clips of 1 frame, but its weights were trained on 17." in table
    assert "| bare | random, 2 seeds | plain | histogram.tmean, 1 x 192 |" in table

    told = in_process.stage("features", "open-magvit2", "--dry")
    assert "open-magvit2, over the clips of t1: 3 x 16 clips of" in told
    assert "1 x 18 features a clip" in told


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
