"""load_features gives what a probe needs, or says what is there instead."""

import numpy as np
import pytest

import trajprobe
from trajprobe.errors import UserError
from trajprobe.files.feature_shards import Coordinates, folder, networks_of
from trajprobe.files.labelling import Labelling
from trajprobe.files.shards import ShardWriter, encode_shard

LABELS = Labelling(
    labels=np.array([0, 1, 0, 1]),
    names=np.array(["left", "right"]),
    groups=np.array([0, 1, 2, 2]),
    folds=np.array([0, 1, 0, -1]),
    tracks="t1",
    leaked=0,
)

FOLDERS = [
    "both/pretrained/plain/hidden.tmean",
    "both/random/0/plain/hidden.tmean",
    "both/random/10/plain/hidden.tmean",
    "both/random/2/plain/hidden.tmean",
    "both/pretrained/middle-frame/hidden.tmean",
    "bare/random/0/plain/3.mean",
    "pixels/none/plain/features",
    "layers/pretrained/plain/1.mean",
    "layers/pretrained/plain/2.mean",
]


@pytest.fixture
def root(tmp_path):
    LABELS.save(tmp_path / "data/trajectories/labelling.npz")
    for number, name in enumerate(FOLDERS):
        written(tmp_path / "data/features" / name, number)
    return tmp_path


def written(folder, number, tracks="t1"):
    writer = ShardWriter(folder, {"tracks": tracks, "number": number, "clips": {"format": {}}})
    for start in (0, 2):
        features = number * 100 + np.arange(start * 6, (start + 2) * 6, dtype=np.float32).reshape(2, 3, 2)
        writer.add(encode_shard({"features": features}, {}), 2)
    writer.close()


@pytest.mark.parametrize(
    ("asked", "number"),
    [
        ({"row": "both"}, 0),
        ({"row": "both", "network": "pretrained"}, 0),
        ({"row": "both", "network": "random/0"}, 1),
        ({"row": "both", "network": "random/10", "layer": "hidden.tmean"}, 2),
        ({"row": "both", "input": "middle-frame"}, 4),
        ({"row": "bare"}, 5),
        ({"row": "pixels"}, 6),
        ({"row": "layers", "layer": "2.mean"}, 8),
    ],
)
def test_a_row_is_loaded_with_its_labels(root, asked, number):
    loaded = trajprobe.load_features(**asked, root=root)
    np.testing.assert_array_equal(loaded.features, number * 100 + np.arange(24).reshape(4, 3, 2))
    assert loaded.recipe == {"tracks": "t1", "number": number, "clips": {"format": {}}}
    for name in ("labels", "names", "groups", "folds"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(LABELS, name))


def test_the_networks_of_a_row_come_in_the_order_of_their_seeds(root):
    assert [folder(of).relative_to("data/features").as_posix() for of in networks_of("both", root)] == [
        "both/pretrained/middle-frame/hidden.tmean",
        "both/pretrained/plain/hidden.tmean",
        "both/random/0/plain/hidden.tmean",
        "both/random/2/plain/hidden.tmean",
        "both/random/10/plain/hidden.tmean",
    ]


def test_coordinates_read_as_words():
    assert str(Coordinates("both", "random/2", "plain", "hidden.tmean")) == "both random/2 hidden.tmean"
    assert str(Coordinates("pixels", "none", "plain", "features")) == "pixels"


def test_it_reads_the_repository_one_stands_in(root, monkeypatch):
    monkeypatch.chdir(root)
    assert trajprobe.load_features("pixels").recipe["number"] == 6


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"row": "both2"},
            "got row 'both2', input 'plain', expected a row of bare, both, layers, pixels; `dvc repro` makes",
        ),
        (
            {"row": "pixels", "network": "random/0"},
            "got row 'pixels', network 'random/0', input 'plain', expected one of none",
        ),
        (
            {"row": "both", "network": "random/3"},
            "expected one of pretrained, middle-frame, hidden.tmean; pretrained, plain",
        ),
        ({"row": "both", "input": "reversed"}, "got row 'both', input 'reversed'"),
        (
            {"row": "layers"},
            "expected one of pretrained, plain, 1.mean; pretrained, plain, 2.mean (network, input, layer)",
        ),
    ],
)
def test_features_that_do_not_exist_are_refused_with_those_that_do(root, asked, message):
    (root / "data/features/.half.tmp").mkdir()
    with pytest.raises(UserError) as caught:
        trajprobe.load_features(**asked, root=root)
    assert message in str(caught.value)


def test_an_empty_repository_says_so(tmp_path):
    with pytest.raises(UserError, match="expected a row of none; `dvc repro` makes features"):
        trajprobe.load_features("both", root=tmp_path)


def test_features_of_other_tracks_are_refused(root):
    written(root / "data/features/pixels/none/plain/features", 6, tracks="t2")
    with pytest.raises(UserError, match=r"plain/features: was made of other tracks than .*labelling\.npz"):
        trajprobe.load_features("pixels", root=root)


def test_a_damaged_shard_is_refused(root):
    path = root / "data/features/pixels/none/plain/features/00001.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(UserError, match=r"00001.safetensors: is damaged"):
        trajprobe.load_features("pixels", root=root)
