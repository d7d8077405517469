"""Format hdf5: arrays by their path in the file; files of pandas and SLEAP are recognised."""

import numpy as np
import pytest

from trajprobe.errors import UserError
from trajprobe.importers import readers
from trajprobe.importers.formats import hdf5
from trajprobe.importers.options import ImportOptions

h5py = pytest.importorskip("h5py", reason="h5py is an extra: pip install 'trajprobe[hdf5]'")

TRACKS = np.random.default_rng(0).normal(size=(4, 6, 2)).astype(np.float32)


@pytest.fixture
def read(tmp_path):
    """Reads a file of these arrays."""

    def read(arrays, **options):
        with h5py.File(tmp_path / "set.h5", "w") as file:
            for name, array in arrays.items():
                file[name] = array
        return hdf5.table(tmp_path / "set.h5", ImportOptions(**options))

    return read


def test_arrays_are_read_as_they_are(read):
    table = read({"trajectories": TRACKS, "labels": ["a", "b", "a", "b"], "times": np.arange(6.0), "more": [1]})
    np.testing.assert_array_equal(table.points, TRACKS.reshape(-1, 2))
    assert (table.labels.tolist(), table.notes) == (["a", "b", "a", "b"], ("not used: more",))
    np.testing.assert_array_equal(table.times, np.tile(np.arange(6.0), 4))


def test_options_name_arrays_by_their_path(read):
    arrays = {"run/x": TRACKS[..., 0], "run/y": TRACKS[..., 1], "run/class": [0, 1, 0, 1]}
    table = read(arrays, x="run/x", y="run/y", labels="run/class")
    np.testing.assert_array_equal(table.points, TRACKS.reshape(-1, 2))
    assert table.labels.tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize(("name", "message"), [
    ("table/block0_values", "is a table of pandas; --format poses reads DeepLabCut's"),
    ("track_occupancy", "is an analysis file of SLEAP; --format poses reads it"),
    ("xy", r"has no array `trajectories`, expected trajectories and labels; it has xy \(4, 6, 2\)"),
])  # fmt: skip
def test_other_files_are_refused_with_the_way_from_there(read, name, message):
    with pytest.raises(UserError, match=message):
        read({name: TRACKS})


@pytest.mark.harm("hostile files")
def test_links_to_other_files_are_not_followed(read, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["trajectories"] = TRACKS
    with pytest.raises(UserError, match="has no array `trajectories`"):
        read({"trajectories": h5py.ExternalLink("other.h5", "/trajectories"), "labels": [0, 1, 0, 1]})


def test_an_array_larger_than_the_memory_is_refused_before_it_is_read(tmp_path):
    with h5py.File(tmp_path / "set.h5", "w") as file:
        file.create_dataset("trajectories", shape=(10**9, 10**6, 2), dtype="f8", chunks=(1, 1000, 2))
        file["labels"] = [0]
    with pytest.raises(UserError, match="too large: needs"):
        hdf5.table(tmp_path / "set.h5", ImportOptions())


def test_what_is_no_such_file_is_refused(tmp_path):
    (tmp_path / "a.h5").write_bytes(hdf5.SIGNATURE + bytes(100))
    with pytest.raises(UserError, match=r"a.h5: is no HDF5 file, or is damaged"):
        hdf5.table(tmp_path / "a.h5", ImportOptions())


def test_a_library_that_is_missing_is_asked_for_by_name(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    (tmp_path / "a.h5").write_bytes(b"")
    with pytest.raises(UserError, match=r"^.*a.h5: needs the package h5py; `pip install 'trajprobe\[hdf5\]'` installs"):
        readers.by_name("hdf5").read(tmp_path / "a.h5", ImportOptions())
