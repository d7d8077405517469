"""Features of a row as one file: each format holds the same clips, labels, folds, predictions and provenance."""

import json

import numpy as np
import pandas as pd
import pytest
from pyarrow import parquet
from safetensors import safe_open

import trajprobe
from trajprobe.errors import UserError
from trajprobe.features.controls import compute_control
from trajprobe.files import probe_results
from trajprobe.files.atomic import write_npz
from trajprobe.inspection.export import export
from trajprobe.params import read


@pytest.fixture(autouse=True)
def repository(reproduced, monkeypatch):
    monkeypatch.chdir(reproduced.folder)


def written_npz(path):
    with np.load(path) as file:
        return dict(file)


def test_an_npz_holds_the_features_and_the_predictions_of_that_network(tmp_path):
    line = export("magvit2-tiny", tmp_path / "a.npz", network="random/1", input="plain", layer="hidden.tmean")
    assert line == (
        f"{tmp_path}/a.npz: magvit2-tiny random/1 hidden.tmean: 60 clips, 3 x 8 features each, labels, groups, folds, "
        "predictions"
    )
    arrays, loaded = written_npz(tmp_path / "a.npz"), trajprobe.load_features("magvit2-tiny", network="random/1")
    np.testing.assert_array_equal(arrays["features"], loaded.features)
    for name in ("labels", "groups", "folds"):
        np.testing.assert_array_equal(arrays[name], getattr(loaded, name))
    np.testing.assert_array_equal(arrays["label_names"], loaded.names)
    (variant,) = [
        one for one in probe_results.load("magvit2-tiny").variants if (one.network, one.input) == ("random", "plain")
    ]
    assert arrays["predictions"].tolist() == variant.networks[1].predictions
    provenance = json.loads(str(arrays["provenance"]))
    assert provenance["coordinates"]["network"] == "random/1"
    assert provenance["recipe"] == loaded.recipe
    assert provenance["classifier"] == "logistic"


def test_parquet_has_a_clip_a_row_and_can_be_read_by_pandas(tmp_path):
    export("pixels", tmp_path / "a.parquet")
    export("pixels", tmp_path / "a.npz")
    arrays, frame = written_npz(tmp_path / "a.npz"), pd.read_parquet(tmp_path / "a.parquet")
    names = arrays["label_names"]
    assert list(frame) == ["clip", "label", "group", "fold", "prediction", "features"]
    assert frame["label"].tolist() == names[arrays["labels"]].tolist()
    assert frame["prediction"].tolist() == names[arrays["predictions"]].tolist()
    assert frame["clip"].tolist() == list(range(60))
    metadata = parquet.read_schema(tmp_path / "a.parquet").metadata
    shape = json.loads(metadata[b"shape"])
    np.testing.assert_array_equal(np.stack(frame["features"]).reshape(-1, *shape), arrays["features"])
    assert json.loads(metadata[b"trajprobe"]) == json.loads(str(arrays["provenance"]))


def plain(probed):
    """The probes of clips as they are."""
    return next(variant for variant in probed.variants if variant.input == "plain")


def test_a_clip_that_no_fold_tests_has_no_prediction(tmp_path, monkeypatch):
    probed = probe_results.load("pixels")
    plain(probed).networks[0].predictions[7] = -1
    monkeypatch.setattr(probe_results, "load", lambda _: probed)
    export("pixels", tmp_path / "a.parquet")
    frame = pd.read_parquet(tmp_path / "a.parquet")
    assert frame["prediction"].isna().tolist() == [clip == 7 for clip in range(60)]


def test_safetensors_hold_the_same_arrays(tmp_path):
    export("noise", tmp_path / "a.safetensors")
    export("noise", tmp_path / "a.npz")
    arrays = written_npz(tmp_path / "a.npz")
    with safe_open(tmp_path / "a.safetensors", "np") as file:
        for name in file.keys():  # noqa: SIM118 (it is no dict)
            np.testing.assert_array_equal(file.get_tensor(name), arrays.pop(name))
        assert json.loads(file.metadata()["label_names"]) == arrays.pop("label_names").tolist()
        assert file.metadata()["provenance"] == str(arrays.pop("provenance"))
    assert not arrays


def test_what_can_not_be_written_is_refused_in_one_line(tmp_path, monkeypatch):
    with pytest.raises(
        UserError, match=r"^--out: got .*a\.csv', expected a name that ends in \.parquet, \.npz or \.safetensors$"
    ):
        export("pixels", tmp_path / "a.csv")
    with pytest.raises(UserError, match=r"^ROW: got 'nowhere', expected one of .*noise, pixels; these have features"):
        export("nowhere", tmp_path / "a.npz")
    for options, message in (
        (
            {"network": "random/9"},
            r"^--network: got 'random/9', expected one of .*pretrained/0, .*random/1; `dvc repro",
        ),
        (
            {"input": "upside-down"},
            r"^--input: got 'upside-down', expected one of plain, clutter-1, middle-frame, shuffled-frames; ",
        ),
        (
            {"network": "random/0", "input": "middle-frame"},
            r"^--input: got 'middle-frame', expected one of clutter-1, plain; ",
        ),
        ({"layer": "latents.tmean"}, r"^--layer: got 'latents\.tmean', expected one of hidden\.tmean; "),
    ):
        with pytest.raises(UserError, match=message):
            export("magvit2-tiny", tmp_path / "a.npz", **options)
    probed = probe_results.load("pixels")
    plain(probed).features[0] = "0" * 64
    monkeypatch.setattr(probe_results, "load", lambda _: probed)
    with pytest.raises(
        UserError, match=r"has no predictions from data/features/pixels.*`dvc repro probe@pixels` makes"
    ):
        export("pixels", tmp_path / "a.npz")
    assert not list(tmp_path.iterdir())


def test_reversed_clips_have_features_and_no_predictions_of_classes(clone, tmp_path, monkeypatch):
    monkeypatch.chdir(clone.folder)
    clone.set("controls", "features", "arrow_of_time")
    compute_control(read(), "extent")
    with pytest.raises(UserError, match=r"^--input: got reversed, expected plain or a perturbation: of reversed clips"):
        export("extent", tmp_path / "a.npz", input="reversed")
    assert len(trajprobe.load_features("extent", input="reversed").features) == 60


def test_a_file_that_is_there_is_replaced(tmp_path):
    write_npz(tmp_path / "a.npz", {"old": np.zeros(3)})
    export("pixels", tmp_path / "a.npz")
    assert "old" not in written_npz(tmp_path / "a.npz")
