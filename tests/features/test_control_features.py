"""Features of controls: from the clips alone, in the folder that their coordinates name; or refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from small import POINTS, VIDEO, files, values, written

from trajprobe.backbones.family import family
from trajprobe.errors import UserError
from trajprobe.features.controls import check_control, compute_control
from trajprobe.files.content_key import code_hash
from trajprobe.files.feature_shards import FEATURES, networks_of, read
from trajprobe.files.shards import Shards
from trajprobe.files.video_shards import Batch
from trajprobe.rows import Row

pytestmark = pytest.mark.usefixtures("project")


def control(name, /, **changes):
    """params.yaml with a control as a row: of the family of that name, where nothing else is said."""
    row = {"family": name, "clips": "small", "weights": "none", "like": name} | changes
    return values() | {"rows": values()["rows"] | {name: row}}


def place(name):
    return FEATURES / name / "none/plain/features"


def test_a_control_is_computed_from_the_video():
    assert compute_control(control("pixels"), "pixels") == "pixels: 10 clips to 5 x 256 features"
    features, recipe = read(place("pixels"))
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, VIDEO.mean(axis=-1).reshape(10, 5, -1) / 255, atol=1e-6)
    assert recipe == {
        "family": "pixels",
        "options": {},
        "clips": {"scene": {}, "format": {"frames": 5, "resolution": 16}},
        "weights": {},
        "code": code_hash("trajprobe.backbones.pixels"),
        "tracks": "t1",
    }


def test_a_control_is_computed_from_the_places_of_the_marker():
    compute_control(control("coordinates"), "coordinates")
    features, _ = read(place("coordinates"))
    assert len(features) == 10
    centred = features.reshape(10, -1) - features.reshape(10, -1).mean(axis=0)
    points = POINTS.reshape(10, -1) - POINTS.reshape(10, -1).mean(axis=0)
    np.testing.assert_allclose(centred / centred[0, 0], points / points[0, 0], atol=1e-3)


def test_options_are_used_and_recorded_and_shards_differ():
    compute_control(control("noise", options={"dimensions": 3, "seed": 0}), "noise")
    features, recipe = read(place("noise"))
    assert features.shape == (10, 1, 3)
    assert len(np.unique(features)) == 30  # the noise of the second shard is not that of the first
    assert recipe["options"] == {"dimensions": 3, "seed": 0}
    compute_control(control("noise", options={"dimensions": 3, "seed": 1}), "noise")
    assert not np.isin(features, read(place("noise"))[0]).any()


@pytest.mark.parametrize(("name", "shape"), [("pixels", "5 x 256"), ("kinematics", "1 x 20")])
@pytest.mark.parametrize("asked", ["controls", "all"])
def test_reversed_clips_have_features_of_their_own_in_a_folder_of_their_own(name, shape, asked):
    changed = control(name)
    changed["features"]["arrow_of_time"] = asked
    assert compute_control(changed, name) == f"{name}: 2 x 10 clips to {shape} features"
    plain, recipe = read(place(name))
    back, of_reversed = read(FEATURES / name / "none/reversed/features")
    assert of_reversed == recipe | {"perturbation": ["reversed"]}
    batch = Batch(VIDEO[:, ::-1], POINTS[:, ::-1], 0, "")
    expected = family(name).features(batch, None)
    np.testing.assert_allclose(back, expected, atol=1e-5)
    assert np.abs(back - plain).max() > 0.01
    for number, source in enumerate(Shards(Path("data/clips/small")).shards):
        with safe_open(FEATURES / name / f"none/reversed/features/{number:05d}.safetensors", "numpy") as file:
            assert json.loads(file.metadata()["meta"])["shard"] == source["sha256"]


def test_each_shard_names_the_clips_it_is_of():
    compute_control(control("pixels"), "pixels")
    recipe = read(place("pixels"))[1]
    del recipe["tracks"]
    clips = Shards(Path("data/clips/small")).shards
    assert [shard["items"] for shard in Shards(place("pixels")).shards] == [6, 4]
    for number, source in enumerate(clips):
        with safe_open(place("pixels") / f"{number:05d}.safetensors", "numpy") as file:
            assert json.loads(file.metadata()["meta"]) == recipe | {"shard": source["sha256"]}


def test_appended_clips_change_nothing_in_the_shards_before_them():
    options = {"options": {"dimensions": 3, "seed": 0}}
    compute_control(control("noise", **options), "noise")
    before = files(place("noise"))
    written(Path("data/clips/small"), [6, 10], np.concatenate([VIDEO, VIDEO[:3]]))
    compute_control(control("noise", **options), "noise")
    after = files(place("noise"))
    for name in ("00000.safetensors", "00001.safetensors"):
        assert after[name] == before[name]
    assert len(after) == 4


def test_a_control_has_one_folder_and_what_stood_in_it_is_gone():
    compute_control(control("pixels"), "pixels")
    old = FEATURES / "pixels/random/0/plain/old"
    old.mkdir(parents=True)
    compute_control(control("pixels"), "pixels")
    assert [tuple(of) for of in networks_of("pixels")] == [("pixels", "none", "plain", "features")]
    assert {path.name for path in (FEATURES / "pixels").iterdir()} == {"none"}


NOISE = {"family": "noise", "options": {"dimensions": 3, "seed": 0}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"options": {"dimension": 3}}, "options`: unknown key `dimension`; the valid keys are dimensions, seed"),
        ({"options": {"dimensions": 3}}, "options`: missing key `seed`; the valid keys are dimensions, seed"),
        ({"options": {"dimensions": 0, "seed": 0}}, "options`, at `dimensions`: Expected `int` >= 1"),
        ({"layer": "hidden"}, "layer`: got it for noise, which has no network; leave it out"),
        ({"layer": 0}, "layer`: got it for noise"),
        ({"architecture": {"bits": 4}}, "architecture`: got it for noise"),
        ({"pooling": "mean"}, "pooling`: got it for noise"),
        ({"precision": "bfloat16"}, "precision`: got it for noise"),
        ({"perturbations": ["middle-frame"]}, "perturbations`: got it for noise"),
        (
            {"family": "magvit2_tiny"},
            "weights`: got none, expected a folder of data/weights or `random`: magvit2_tiny has a network",
        ),
    ],
)
def test_a_control_that_does_not_go_together_is_refused(changes, message):
    row = control("noise", **NOISE | changes)
    with pytest.raises(UserError) as caught:
        compute_control(row, "noise")
    assert str(caught.value).startswith("params.yaml: `rows.noise")
    assert message in str(caught.value)
    assert not FEATURES.exists()
    with pytest.raises(UserError) as checked:  # before a run, without clips
        check_control("noise", Row(clips="absent", weights="none", like="noise", **NOISE | changes))
    assert str(checked.value) == str(caught.value)


def test_a_control_that_goes_together_has_its_options():
    options = check_control("noise", Row(clips="absent", weights="none", like="noise", **NOISE))
    assert (options.dimensions, options.seed) == (3, 0)


def test_missing_clips_and_rows_are_refused():
    with pytest.raises(UserError, match="data/clips/absent: is missing; `dvc repro render@absent` renders it"):
        compute_control(control("pixels", clips="absent"), "pixels")
    with pytest.raises(UserError, match="no `absent` in `rows`; expected one of net, trained, pixels"):
        compute_control(control("pixels"), "absent")
    assert not FEATURES.exists()


def test_a_failure_leaves_the_old_features():
    compute_control(control("pixels"), "pixels")
    before = files(FEATURES)
    path = Path("data/clips/small/00001.safetensors")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"00001\.safetensors: "):
        compute_control(control("pixels"), "pixels")
    assert files(FEATURES) == before


def test_a_control_sees_the_clips_of_each_level_of_clutter():
    written(Path("data/clips/small"), [6], levels=[2])
    written(Path("data/clips/small/clutter-2"), [6], 255 - VIDEO)
    line = compute_control(control("pixels", perturbations=["clutter"]), "pixels")
    assert line == "pixels: 2 x 10 clips to 5 x 256 features"
    features, recipe = read(FEATURES / "pixels/none/clutter-2/features")
    np.testing.assert_allclose(features, (255 - VIDEO).mean(axis=-1).reshape(10, 5, -1) / 255, atol=1e-6)
    assert "perturbation" not in recipe
    np.testing.assert_allclose(read(place("pixels"))[0], VIDEO.mean(axis=-1).reshape(10, 5, -1) / 255, atol=1e-6)


def test_a_control_has_no_other_perturbation():
    row = Row(family="pixels", clips="small", weights="none", like="pixels", perturbations=("clutter", "middle-frame"))
    with pytest.raises(UserError, match=r"`rows.pixels.perturbations`: got it for pixels, which has no network"):
        check_control("pixels", row)
