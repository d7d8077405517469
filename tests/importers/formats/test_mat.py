"""Format mat: variables, structs and cells of MATLAB's files of every version, value for value."""

import numpy as np
import pytest
from scipy import io

from trajprobe.errors import UserError
from trajprobe.importers.formats import hdf5, mat
from trajprobe.importers.options import ImportOptions

h5py = pytest.importorskip("h5py", reason="h5py is an extra: pip install 'trajprobe[hdf5]'")

TRACKS = np.random.default_rng(0).normal(size=(4, 6, 2))
LABELS = np.array([1.0, 2, 1, 2])
RAGGED = [track[: 3 + number] for number, track in enumerate(TRACKS)]


def cells(items):
    array = np.empty((len(items), 1), dtype=object)
    array[:, 0] = items
    return array


def version_5(path, variables):
    io.savemat(path, {name: cells(value) if isinstance(value, list) else value for name, value in variables.items()})


def version_7_3(path, variables):
    """As MATLAB does: transposed, vectors as matrices, cells as references, characters as numbers; a block before."""
    with h5py.File(path, "w", userblock_size=512) as file:

        def put(node, name, value):
            if isinstance(value, dict):
                for key, inner in value.items():
                    put(node.require_group(name), key, inner)
            elif isinstance(value, list):
                inner = [put(file, f"#refs#/{name}{number}", item) for number, item in enumerate(value)]
                references = np.array([[item.ref for item in inner]], dtype=h5py.ref_dtype)
                node.create_dataset(name, data=references, dtype=h5py.ref_dtype).attrs["MATLAB_class"] = np.bytes_(
                    "cell"
                )
            elif isinstance(value, str):
                letters = np.array([list(map(ord, value))], np.uint16).T
                dataset = node.create_dataset(name, data=letters)
                dataset.attrs["MATLAB_class"] = np.bytes_("char")
                return dataset
            else:
                return node.create_dataset(name, data=np.atleast_2d(value).T)
            return None

        for name, value in variables.items():
            put(file, name, value)
    data = bytearray(path.read_bytes())
    data[:10] = b"MATLAB 7.3"
    path.write_bytes(data)


@pytest.fixture(params=[(version_5, mat.table), (version_7_3, hdf5.matlab_table)], ids=["5", "7.3"])
def read(request, tmp_path):
    """Reads a file of these variables, in this process."""
    write, table = request.param

    def read(variables, **options):
        write(tmp_path / "set.mat", variables)
        return table(tmp_path / "set.mat", ImportOptions(**options))

    return read


def test_arrays_are_as_matlab_shows_them_and_vectors_are_vectors(read):
    table = read({"trajectories": TRACKS, "labels": LABELS, "groups": LABELS[:, None]})
    np.testing.assert_array_equal(table.points, TRACKS.reshape(-1, 2))
    np.testing.assert_array_equal(table.track, np.repeat(range(4), 6))
    assert (table.labels.tolist(), table.groups.tolist()) == (LABELS.tolist(), LABELS.tolist())


def test_options_name_variables_fields_of_structs_and_the_order_of_axes(read):
    variables = {"data": {"xy": TRACKS.transpose(1, 2, 0), "class": LABELS}, "other": np.ones((2, 2))}
    table = read(variables, trajectories="data.xy", labels="data.class", axes="t d n")
    np.testing.assert_array_equal(table.points, TRACKS.reshape(-1, 2))
    assert table.labels.tolist() == LABELS.tolist()
    assert table.notes == ("not used: other",)


def test_cells_are_tracks_of_different_lengths_and_texts(read):
    table = read({"tracks": RAGGED, "names": ["walk", "run", "walk", "run"]}, trajectories="tracks", labels="names")
    np.testing.assert_array_equal(table.points, np.concatenate(RAGGED))
    assert table.lengths.tolist() == [3, 4, 5, 6]
    assert table.labels.tolist() == ["walk", "run", "walk", "run"]


def test_cells_whose_points_are_columns_need_the_order_of_their_axes(read):
    variables = {"tracks": [track.T for track in RAGGED], "labels": LABELS}
    with pytest.raises(UserError, match=r"got `trajectories` \(4, 2, 6\) .* --axes 'n d t' reads it"):
        read(variables, trajectories="tracks")
    table = read(variables, trajectories="tracks", axes="n d t")
    np.testing.assert_array_equal(table.points, np.concatenate(RAGGED))


def test_a_variable_that_is_missing_is_named_with_those_that_there_are(read):
    with pytest.raises(
        UserError, match=r"has no array `trajectories`, .*; it has class \(4,\), xy \(4, 6, 2\); is it --traj"
    ):
        read({"xy": TRACKS, "class": LABELS})
    with pytest.raises(UserError, match="--trajectories: got b, expected an array of the file"):
        read({"a": TRACKS, "labels": LABELS}, trajectories="b")


def test_the_fields_of_a_struct_array_are_tracks(tmp_path):
    records = np.empty((1, 4), dtype=[("xy", object), ("kind", object)])
    for number, (track, kind) in enumerate(zip(RAGGED, ["a", "b", "a", "b"], strict=True)):
        records[0, number] = (track, kind)
    io.savemat(tmp_path / "set.mat", {"s": records})
    table = mat.table(tmp_path / "set.mat", ImportOptions(trajectories="s.xy", labels="s.kind"))
    np.testing.assert_array_equal(table.points, np.concatenate(RAGGED))
    assert table.labels.tolist() == ["a", "b", "a", "b"]


@pytest.mark.parametrize(("data", "table"), [
    (b"", mat.table), (b"MATLAB 5.0 MAT-file" + bytes(200), mat.table), (b"x" * 300, mat.table),
    (b"MATLAB 7.3" + bytes(600), hdf5.matlab_table),
])  # fmt: skip
def test_what_is_no_such_file_is_refused(tmp_path, data, table):
    (tmp_path / "a.mat").write_bytes(data)
    with pytest.raises(
        UserError, match=r"a\.mat: (is no (MATLAB|HDF5) file, or is damaged|has no array `trajectories`)"
    ):
        table(tmp_path / "a.mat", ImportOptions())


@pytest.mark.harm("hostile files")
def test_a_file_at_which_scipy_crashes_is_refused(tmp_path):
    io.savemat(tmp_path / "a.mat", {"trajectories": TRACKS, "labels": LABELS})
    data = bytearray((tmp_path / "a.mat").read_bytes())
    data[144] = 5  # the class of the first array
    (tmp_path / "a.mat").write_bytes(data)
    with pytest.raises(
        UserError, match=r"^.*a\.mat: is damaged \(the library that reads such files crashed\); save it"
    ):
        mat.read(tmp_path / "a.mat", ImportOptions())


def test_a_file_is_read_in_a_process_of_its_own_by_the_reader_of_its_version(tmp_path):
    for version in (version_5, version_7_3):
        version(tmp_path / "a.mat", {"trajectories": TRACKS, "labels": LABELS})
        table = mat.read(tmp_path / "a.mat", ImportOptions())
        np.testing.assert_array_equal(table.points, TRACKS.reshape(-1, 2))
        with pytest.raises(UserError, match="--trajectories: got b, expected an array of the file"):
            mat.read(tmp_path / "a.mat", ImportOptions(trajectories="b"))
