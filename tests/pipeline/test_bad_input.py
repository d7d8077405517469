"""A user's mistake ends with status 2 and one clear line, and leaves nothing behind."""

import copy
import subprocess
import sys

import numpy as np
import pytest
from ruamel.yaml import YAML
from tiny_repository import change

from trajprobe.check import check
from trajprobe.errors import UserError
from trajprobe.importers.data_set import import_data_set
from trajprobe.importers.options import ImportOptions
from trajprobe.params import read


def good(count=12, classes=2):
    generator = np.random.default_rng(0)
    return {"trajectories": generator.random((count, 5, 2)), "labels": np.arange(count) % classes}


def write(path, **arrays):
    np.savez(path, **arrays)
    return path


def objects():
    ragged = np.empty(2, dtype=object)
    ragged[:] = [np.zeros((3, 2)), np.zeros((4, 2))]
    return ragged


BAD = {
    "no labels": ({"trajectories": good()["trajectories"]}, "has no array `labels`"),
    "no trajectories": ({"x": np.zeros(3)}, "has no array `trajectories`"),
    "object arrays": ({"trajectories": objects(), "labels": np.arange(2)}, "Python objects"),
    "NaN everywhere": (good() | {"trajectories": np.full((12, 5, 2), np.nan)}, "fewer than 2 points"),
    "one class": (good(classes=1), "one class"),
    "mismatched lengths": (good() | {"labels": np.arange(11)}, "expected (12,)"),
    "axes in another order": (good() | {"trajectories": np.zeros((12, 2, 5))}, "expected numbers (N, T, D)"),
}


@pytest.mark.parametrize("case", BAD)
def test_an_import_is_refused(reproduced, tmp_path, monkeypatch, case):
    arrays, words = BAD[case]
    import_refused(reproduced, monkeypatch, words, write(tmp_path / "bad.npz", **arrays))


def test_a_refused_import_ends_with_status_2_and_one_line(clone, tmp_path):
    arrays, words = BAD["one class"]
    refused(clone, words, "data", "import", write(tmp_path / "bad.npz", **arrays), "--name", "bad")


@pytest.mark.harm("imports")
def test_a_truncated_file_is_refused(reproduced, tmp_path, monkeypatch):
    path = write(tmp_path / "cut.npz", **good())
    path.write_bytes(path.read_bytes()[:-40])
    import_refused(reproduced, monkeypatch, "is damaged", path)


def test_a_file_that_is_not_there_is_refused(reproduced, tmp_path, monkeypatch):
    import_refused(reproduced, monkeypatch, "no such file", tmp_path / "nowhere.npz")


@pytest.mark.harm("hostile names")
@pytest.mark.parametrize("name", ["synthetic", "../up", "a b", ""])
def test_a_name_that_will_not_do_is_refused(reproduced, tmp_path, monkeypatch, name):
    import_refused(reproduced, monkeypatch, "--name", write(tmp_path / "good.npz", **good()), name)


def import_refused(repository, monkeypatch, words, path, name="bad"):
    """The import raises UserError with these words, in one line, and leaves nothing in the repository."""
    monkeypatch.chdir(repository.folder)
    before = sorted((repository.folder / "data").rglob("*"))
    with pytest.raises(UserError) as caught:
        import_data_set((path,), name, ImportOptions())
    message = str(caught.value)
    assert words in message
    assert "\n" not in message
    assert sorted((repository.folder / "data").rglob("*")) == before


def test_a_name_that_is_there_is_refused_unless_forced(clone, tmp_path):
    path = write(tmp_path / "good.npz", **good())
    assert clone.trajprobe("data", "import", path, "--name", "mine")[0] == 0
    pointer = (clone.folder / "data/raw/mine.npz.dvc").read_text()
    status, told = clone.trajprobe("data", "import", path, "--name", "mine")
    assert (status, "--force" in told) == (2, True)
    write(path, **good(count=14))
    assert clone.trajprobe("data", "import", path, "--name", "mine", "--force")[0] == 0
    assert (clone.folder / "data/raw/mine.npz.dvc").read_text() != pointer


@pytest.mark.harm("hostile parameters")
@pytest.mark.parametrize(
    ("value", "keys", "words"),
    [
        (3, ("probe", "inner_fold"), "unknown key `inner_fold`; the valid keys are logistic"),
        ("svm", ("probe", "classifier"), "expected one of logistic, ridge, knn, mlp"),
        ([], ("probe", "ridge", "alpha"), "Expected `array` of length >= 1"),
        (None, ("probe", "seed"), "missing key `seed`"),
        ("many", ("pretrain", "magvit2-tiny", "steps"), "Expected `int`, got `str`"),
        (1, ("probes",), "unknown key `probes`; the valid keys are dataset"),
        ("nowhere", ("dataset",), "`trajprobe data import FILE --name nowhere`"),
        ("t99", ("rows", "pixels", "clips"), "expected one of t17"),
        ("middle", ("rows", "magvit2-tiny", "layer"), "expected one of hidden, latents, codes"),
        (None, ("rows", "magvit2-tiny", "layer"), "got `nothing`, expected one of hidden, latents, codes"),
        ("max", ("rows", "magvit2-tiny", "pooling"), "expected one of tmean, tdiff, mean, flatten"),
        (["upside-down"], ("rows", "magvit2-tiny", "perturbations"), "expected some of shuffled-frames, middle-frame"),
        ({"frames": 9, "resolution": 16}, ("clips", "t17"), "got clutter, but `clips.t17` has no `levels` of it"),
        ({"frames": 9, "resolution": 16, "levels": [1]}, ("clips", "t17"), "got levels of clutter, expected a scene"),
        (["clutter", "middle-frame"], ("rows", "pixels", "perturbations"), "got it for pixels, which has no network"),
        ("vgg", ("rows", "extent", "family"), "expected one of coordinates, diffusers"),
        (3, ("rows", "magvit2-tiny", "architecture", "depth"), "unknown key `depth`"),
        ({"seed": 3}, ("rows", "extent", "options"), "unknown key `seed`"),
        ("hidden", ("rows", "extent", "layer"), "got it for extent, which has no network; leave it out"),
        ("other", ("compare", "primary"), "`compare.primary`: got `other`, expected a row of `rows`: "),
        ("other", ("rows", "magvit2-tiny-shuffled", "like"), "expected a row of `rows`"),
        ("codes", ("rows", "magvit2-tiny-shuffled", "layer"), "a row has these of `rows.magvit2-tiny`"),
        ("t99", ("rows", "magvit2-tiny-shuffled", "clips"), "expected `t17`, as in `rows.magvit2-tiny`"),
        ({"frames": 9, "size": 16}, ("clips", "t17"), "got `clips.t17.size`, expected no key called `size`"),
        ({"frames": 9, "resolution": 16}, ("clips", "x;touch Y"), "got 'x;touch Y', expected letters, digits, - and _"),
        (
            "side",
            ("scenes", "default", "camera", "view"),
            "`scenes.default`, at `camera.view`: Invalid enum value 'side'",
        ),
        (
            "side",
            ("scenes", "default", "camera", "view"),
            "expected one of xy, xz, yz, perspective; the valid keys are ",
        ),
        (9, ("scenes", "default", "marker", "size"), "got `scenes.default.marker.size`, expected no key called `size`"),
        (
            9,
            ("scenes", "default", "marker", "sides"),
            "unknown key `sides`; the valid keys are shape, radius, ",
        ),
        (-1.0, ("scenes", "default", "marker", "radius"), "at `marker.radius`: Expected `float` >= 0.0001"),
        ("night", ("clips", "t17", "scene"), "`clips.t17.scene`: got `night`, expected one of cluttered, default"),
        ("night", ("pretrain", "magvit2-tiny", "scene"), "`pretrain.magvit2-tiny.scene`: got `night`, expected one of"),
        (
            {"kind": "image", "image": "sky.png"},
            ("scenes", "default", "background"),
            "at `background`: data/scenes/sky.png is missing",
        ),
    ],
)
def test_parameters_are_refused_before_anything_runs(reproduced, tmp_path, monkeypatch, value, keys, words):
    monkeypatch.chdir(reproduced.folder)
    values = copy.deepcopy(reproduced.params())
    change(values, value, *keys)
    path = tmp_path / "params.yaml"
    with path.open("w") as file:
        YAML(typ="safe").dump(values, file)
    with pytest.raises(UserError) as caught:
        check(read(path))
    message = str(caught.value)
    assert words in message
    assert "\n" not in message


def test_a_refused_parameter_ends_with_status_2_and_one_line(clone):
    clone.set(3, "probe", "inner_fold")
    clone.commit("Bad")
    refused(clone, "unknown key `inner_fold`", "check")


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        (good() | {"groups": np.arange(12) % 2}, "has 1 group, fewer than `prepare.folds`, 2"),
        (good() | {"trajectories": np.zeros((12, 5, 2))}, "fewer than `prepare.folds`"),
    ],
)
def test_a_class_with_fewer_tracks_than_folds_is_refused_by_the_stage(clone, tmp_path, arrays, words):
    assert clone.trajprobe("data", "import", write(tmp_path / "few.npz", **arrays), "--name", "few")[0] == 0
    clone.set("few", "dataset")
    clone.commit("Few")
    before = sorted((clone.folder / "data").rglob("*"))
    done = subprocess.run(
        [sys.executable, "stages/prepare.py"], cwd=clone.folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted((clone.folder / "data").rglob("*")) == before


def refused(clone, words, *arguments):
    before = sorted((clone.folder / "data").rglob("*"))
    status, told = clone.trajprobe(*arguments)
    assert status == 2, told
    assert len(told.strip().splitlines()) == 1, told
    assert words in told
    assert clone.git("status", "--porcelain") == ""
    assert sorted((clone.folder / "data").rglob("*")) == before
