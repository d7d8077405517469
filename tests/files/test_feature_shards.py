"""load_features gives what a probe needs, or says what is there instead."""

import numpy as np
import pytest

import trajprobe
from trajprobe.errors import UserError
from trajprobe.files.labelling import Labelling
from trajprobe.files.shards import ShardWriter, shard

LABELS = Labelling(
    labels=np.array([0, 1, 0, 1]),
    names=np.array(["left", "right"]),
    groups=np.array([0, 1, 2, 2]),
    folds=np.array([0, 1, 0, -1]),
    tracks="t1",
    leaked=0,
)


@pytest.fixture
def root(tmp_path):
    LABELS.save(tmp_path / "data/trajectories/labelling.npz")
    for number, folder in enumerate(
        ["pretrained/both", "random/both/seed-0", "random/both/seed-1", "random/bare/seed-0", "controls/pixels"]
    ):
        written(tmp_path / "data/features" / folder, number)
    return tmp_path


def written(folder, number, tracks="t1"):
    writer = ShardWriter(folder, {"tracks": tracks, "number": number})
    for start in (0, 2):
        features = number * 100 + np.arange(start * 6, (start + 2) * 6, dtype=np.float32).reshape(2, 3, 2)
        writer.add(shard({"features": features}, {}), 2)
    writer.close()


@pytest.mark.parametrize(
    ("asked", "number"),
    [
        ({"row": "both"}, 0),
        ({"row": "both", "kind": "pretrained"}, 0),
        ({"row": "both", "kind": "random"}, 1),
        ({"row": "both", "kind": "random", "seed": 1}, 2),
        ({"row": "both", "seed": 1}, 2),
        ({"row": "bare"}, 3),
        ({"row": "pixels"}, 4),
        ({"row": "pixels", "kind": "controls"}, 4),
    ],
)
def test_a_row_is_loaded_with_its_labels(root, asked, number):
    found = trajprobe.load_features(**asked, root=root)
    np.testing.assert_array_equal(found.features, number * 100 + np.arange(24).reshape(4, 3, 2))
    assert found.recipe == {"tracks": "t1", "number": number}
    for name in ("labels", "names", "groups", "folds"):
        np.testing.assert_array_equal(getattr(found, name), getattr(LABELS, name))


def test_it_reads_the_repository_one_stands_in(root, monkeypatch):
    monkeypatch.chdir(root)
    assert trajprobe.load_features("pixels").recipe["number"] == 4


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({"row": "both2"}, "both2"),
        ({"row": "pixels", "kind": "random"}, "pixels random"),
        ({"row": "both", "kind": "random", "seed": 2}, "both random seed 2"),
        ({"row": "both", "kind": "pretrained", "seed": 0}, "both pretrained seed 0"),
    ],
)
def test_a_missing_row_names_those_that_are_there(root, asked, wanted):
    (root / "data/features/pretrained/.half.tmp").mkdir()
    with pytest.raises(UserError, match=f"no features of {wanted} in .*; there are those of bare, both, pixels; "):
        trajprobe.load_features(**asked, root=root)


def test_an_empty_repository_says_so(tmp_path):
    with pytest.raises(UserError, match="there are those of no row; `dvc repro` makes them"):
        trajprobe.load_features("both", root=tmp_path)


def test_features_of_other_tracks_are_refused(root):
    written(root / "data/features/controls/pixels", 4, tracks="t2")
    with pytest.raises(UserError, match=r"features/controls/pixels: features of other tracks than .*labelling\.npz"):
        trajprobe.load_features("pixels", root=root)


def test_a_damaged_shard_is_refused(root):
    path = root / "data/features/controls/pixels/00001.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(UserError, match=r"00001.safetensors: its bytes are not those that were written"):
        trajprobe.load_features("pixels", root=root)
