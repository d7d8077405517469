"""Format poses: keypoints become tracks. The package movement is an extra; a stand-in has its interface here."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from trajprobe.errors import UserError
from trajprobe.importers.formats import poses
from trajprobe.importers.options import ImportOptions

POINTS = np.random.default_rng(0).normal(size=(5, 2, 3, 2))  # time, space, keypoints, individuals


class Positions:
    """What is used of an array of xarray."""

    def __init__(self, array, dims, **names):
        self.values, self.dims = array, tuple(dims)
        for name, labels in names.items():
            setattr(self, name, SimpleNamespace(values=np.array(labels)))
        self.names = names

    def expand_dims(self, keypoints):
        return Positions(self.values[None], ("keypoints", *self.dims), **self.names, keypoints=keypoints)

    def transpose(self, *dims):
        return Positions(self.values.transpose([self.dims.index(dim) for dim in dims]), dims, **self.names)


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Reads a file that the stand-in for movement takes for these positions."""

    def read(position, **options):
        def load_dataset(file, source_software):
            assert (file, source_software) == (tmp_path / "a.csv", "DeepLabCut")
            if position is None:
                raise ValueError("no rows\nat all")
            return SimpleNamespace(position=position, confidence=getattr(position, "confidence", None))

        (tmp_path / "a.csv").write_text("")
        monkeypatch.setitem(sys.modules, "movement", SimpleNamespace())
        monkeypatch.setitem(sys.modules, "movement.io", SimpleNamespace(load_dataset=load_dataset))
        return poses.read(tmp_path / "a.csv", ImportOptions(**{"preset": "deeplabcut"} | options))

    return read


def of_mice():
    names = {"individuals": ["mouse", "rat"], "keypoints": ["nose", "ear", "tail"], "time": np.arange(5) / 30}
    return Positions(POINTS, ("time", "space", "keypoints", "individuals"), **names)


def test_each_keypoint_of_each_individual_is_a_track_and_the_individual_its_group(read):
    table = read(of_mice(), label="keypoint")
    assert table.track_names.tolist() == [
        f"{who} {what}" for who in ("mouse", "rat") for what in ("nose", "ear", "tail")
    ]
    assert table.labels.tolist() == ["nose", "ear", "tail"] * 2
    assert table.groups.tolist() == ["a.csv mouse"] * 3 + ["a.csv rat"] * 3
    for track in range(6):
        np.testing.assert_array_equal(table.points[table.track == track], POINTS[:, :, track % 3, track // 3])
        np.testing.assert_array_equal(table.times[table.track == track], np.arange(5) / 30)


def test_individuals_are_classes_where_that_is_asked_for(read):
    assert read(of_mice(), label="individual").labels.tolist() == ["mouse"] * 3 + ["rat"] * 3
    assert read(of_mice()).labels is None
    with pytest.raises(UserError, match=r"^--label: got nose, expected individual or keypoint"):
        read(of_mice(), label="nose")


def confident(likelihood):
    position = of_mice()
    position.confidence = Positions(likelihood, ("time", "keypoints", "individuals"), **position.names)
    return position


def test_points_that_the_network_is_unsure_of_are_missing_and_counted(read):
    likelihood = np.full((5, 3, 2), 0.9)
    likelihood[2, 1, 0] = likelihood[3, 1, 0] = likelihood[0, 2, 1] = 0.3
    likelihood[4, 0, 0] = 0.6
    table = read(confident(likelihood), label="keypoint", min_likelihood=0.6)
    points = table.points.reshape(2, 3, 5, 2)  # individuals, keypoints, time, space
    missing = np.isnan(points).all(axis=3)
    np.testing.assert_array_equal(missing, likelihood.transpose(2, 1, 0) < 0.6)
    np.testing.assert_array_equal(points[~missing], POINTS.transpose(3, 2, 0, 1)[~missing])
    assert table.notes == ("3 points in 2 tracks left out: of a likelihood below 0.6 (--min-likelihood)",)
    assert read(confident(likelihood)).notes == ()
    with pytest.raises(UserError, match="--min-likelihood: the file says of no point how likely it is; leave"):
        read(confident(np.full((5, 3, 2), np.nan)), min_likelihood=0.6)


def test_boxes_have_a_track_for_each_individual(read):
    position = Positions(POINTS[:, :, 0], ("time", "space", "individuals"), individuals=["a", "b"], time=np.arange(5))
    table = read(position)
    assert table.track_names.tolist() == ["a box", "b box"]
    np.testing.assert_array_equal(table.points[table.track == 1], POINTS[:, :, 0, 1])


def test_a_file_of_another_program_and_a_program_that_is_unknown_are_refused(read):
    with pytest.raises(UserError, match=r"a.csv: is no file of DeepLabCut \(no rows\\nat all\); is it that of another"):
        read(None)
    with pytest.raises(UserError, match="--preset: got TrackMate, expected one of DeepLabCut, SLEAP"):
        read(of_mice(), preset="TrackMate")
    with pytest.raises(UserError, match="--preset: got none, expected"):
        read(of_mice(), preset=None)
