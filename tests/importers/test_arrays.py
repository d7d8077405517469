"""Files of numpy arrays: other keys, axes, types; and what is refused, with the options or the line that reads it."""

import warnings

import numpy as np
import pytest
from importing import imported, refusal

POINTS = np.random.default_rng(0).normal(size=(6, 5, 2))
LABELS = np.array([0, 1, 0, 1, 0, 1])
NAMED = np.array(["walk", "run"])


@pytest.fixture
def npz(tmp_path):
    """Writes arrays as an npz, over a good set's where named; None leaves a key out."""

    def write(**arrays):
        path = tmp_path / "set.npz"
        arrays = {"trajectories": POINTS, "labels": LABELS} | arrays
        np.savez(path, **{key: value for key, value in arrays.items() if value is not None})
        return path

    return write


@pytest.mark.parametrize("axes", ["n t d", "n d t", "t n d", "t d n", "d n t", "d t n"])
def test_the_axes_are_as_they_are_named(npz, axes):
    order = ["ntd".index(axis) for axis in axes.split()]
    data = imported(npz(trajectories=POINTS.transpose(order)), axes=axes).data
    np.testing.assert_array_equal(data.trajectories, POINTS)


@pytest.mark.parametrize(("axes", "words"), [
    ("n t", "--axes: got n t, expected the letters n (tracks), t (points), d (coordinates)"),
    ("n t t", "--axes: got n t t, expected the letters"),
    ("n t (d)", "--axes: got n t (d), expected the letters"),
    ("n d t", "got points (6, 5, 2) of float64, whose 5 coordinates --axes 'n d t' names d"),
])  # fmt: skip
def test_axes_that_do_not_fit_are_refused(npz, axes, words):
    assert words in refusal(npz(), axes=axes)


def test_axes_are_never_guessed(npz):
    assert "expected numbers (N, T, D), D = 2 or 3; --axes 'n d t' reads it" in refusal(
        npz(trajectories=POINTS.transpose(0, 2, 1))
    )
    message = refusal(npz(trajectories=POINTS.transpose(2, 0, 1)))
    assert "got `trajectories` (2, 6, 5)" in message
    assert "--axes 'd n t' reads it" in message
    assert "--x and --y name an array (N, T) for each coordinate" in refusal(npz(trajectories=POINTS[..., 0]))


def test_other_keys_are_named_and_an_array_for_each_coordinate_is_read(npz):
    arrays = {
        "X": POINTS[..., 0],
        "Y": POINTS[..., 1],
        "c": LABELS,
        "when": np.arange(30.0).reshape(6, 5),
        "who": LABELS,
    }
    path = npz(trajectories=None, labels=None, **arrays)
    result = imported(path, x="X", y="Y", labels="c", time="when", group="who")
    np.testing.assert_array_equal(result.data.trajectories, POINTS)
    np.testing.assert_array_equal(result.data.times, arrays["when"])
    assert result.groups == LABELS.tolist()
    assert refusal(path).startswith(
        f"{path}: has no array `trajectories`, expected trajectories and labels; it has X (6, 5), Y (6, 5), c (6,), "
    )


@pytest.mark.parametrize(
    ("option", "named"),
    [
        ("--trajectories", {"trajectories": "Z"}),
        ("--labels", {"labels": "Z"}),
        ("--label", {"label": "Z"}),
        ("--time", {"time": "Z"}),
        ("--group", {"group": "Z"}),
        ("--split", {"split": "Z"}),
        ("--y", {"x": "trajectories", "y": "Z"}),
    ],
)
def test_an_option_that_names_an_array_which_is_not_there_is_named(npz, option, named):
    path = npz()
    assert refusal(path, **named) == (
        f"{path}: {option}: got Z, expected an array of the file, which has labels (6,), trajectories (6, 5, 2)"
    )


def test_the_first_array_without_a_name_is_suggested(tmp_path):
    np.savez(tmp_path / "set.npz", POINTS, LABELS)
    assert "is it --trajectories arr_0 --labels arr_1?" in refusal(tmp_path / "set.npz")
    data = imported(tmp_path / "set.npz", trajectories="arr_0", labels="arr_1").data
    np.testing.assert_array_equal(data.labels, LABELS)


@pytest.mark.parametrize(("labels", "names"), [
    (LABELS.astype(float), ["0", "1"]),
    (LABELS.astype(np.uint8), ["0", "1"]),
    (LABELS[:, None], ["0", "1"]),
    (LABELS.astype(bool), ["False", "True"]),
    (NAMED[LABELS], ["run", "walk"]),
    (NAMED[LABELS].astype("S"), ["run", "walk"]),
    (NAMED[LABELS][:, None], ["run", "walk"]),
    (np.char.add(NAMED[LABELS], " "), ["run", "walk"]),
    (np.eye(2)[LABELS], ["0", "1"]),
    (np.eye(2, dtype=bool)[LABELS], ["0", "1"]),
    (LABELS * 2 - 1, ["-1", "1"]),
])  # fmt: skip
def test_labels_of_any_type_are_decoded(npz, labels, names):
    result = imported(npz(labels=labels))
    assert result.data.label_names.tolist() == names
    same = [[result.labels[i] == result.labels[j] for j in range(6)] for i in range(6)]
    assert same == (LABELS[:, None] == LABELS).tolist()


@pytest.mark.parametrize(("labels", "words"), [
    (LABELS + 0.5, "got `labels` with fractions (0.5), expected integers or names"),
    (np.full((6, 2), 1), "expected one label for each track, or rows with a single 1 among 0s"),
    (np.full(6, b"\xff"), "got `labels` of bytes that are no UTF-8 text"),
    (np.full(6, np.nan), "no track has a label: all are nan"),
    (np.full(6, ""), "no track has a label: all are empty"),
    (LABELS.astype(complex), "got `labels` of complex128, expected"),
    (LABELS[:5], "got `labels` (5,), expected (6,) to match `trajectories` (6, 5, 2)"),
    (LABELS.astype(object), "`labels` holds Python objects, which are never unpickled; save it as strings"),
])  # fmt: skip
def test_labels_that_mean_nothing_are_refused(npz, labels, words):
    assert words in refusal(npz(labels=labels))


def test_integers_stay_indices_of_their_names(npz):
    result = imported(npz(label_names=np.array(["slow", "fast", "none"])))
    assert result.labels == ["slow", "fast"] * 3
    assert result.data.label_names.tolist() == ["slow", "fast", "none"]


def test_one_hot_rows_of_zeros_have_no_label(npz):
    labels = np.eye(2)[LABELS]
    labels[2] = 0
    result = imported(npz(labels=labels))
    assert result.names == ["0", "1", "3", "4", "5"]
    assert "1 of 6 tracks left out: they have no label (nan)" in result.notes


def test_dates_and_durations_become_seconds(npz):
    seconds = np.arange(30).reshape(6, 5) * 500
    dates = np.datetime64("2024-01-01T00:00:00.000") + seconds.astype("m8[ms]")
    for times in (dates, seconds.astype("m8[ms]")):
        np.testing.assert_array_equal(imported(npz(times=times)).data.times, seconds / 1000)


def test_one_row_of_times_is_that_of_all_tracks(npz):
    for times in (np.arange(5.0), np.tile(np.arange(5.0), (6, 1))[..., None]):
        np.testing.assert_array_equal(imported(npz(times=times)).data.times, np.tile(np.arange(5.0), (6, 1)))
    assert "got `times` (6, 4), expected (6, 5)" in refusal(npz(times=np.zeros((6, 4))))


def test_named_fields_are_coordinates(npz):
    fields = np.zeros((6, 5), [("x", "f8"), ("y", "f4"), ("z", "i4")])
    fields["x"], fields["y"] = POINTS[..., 0], POINTS[..., 1]
    result = imported(npz(trajectories=fields))
    np.testing.assert_allclose(result.data.trajectories[..., :2], POINTS, rtol=1e-6)
    assert "the fields x, y, z are the coordinates, in this order" in result.guesses
    named = np.zeros((6, 5), [("x", "f8"), ("label", "U3")])
    assert "got points with the fields x, label, expected two or three of numbers" in refusal(npz(trajectories=named))


def test_the_line_that_converts_ragged_arrays_does(npz):
    ragged = np.empty(6, object)
    ragged[:] = [POINTS[at, : at % 3 + 3] for at in range(6)]
    message = refusal(npz(trajectories=ragged))
    code = message[message.index("np.stack") :]
    most = max(map(len, ragged))
    padded = eval(code, {"np": np, "a": ragged, "most": most})
    result = imported(npz(trajectories=padded))
    assert result.points == {str(at): points.tolist() for at, points in enumerate(ragged)}


def test_gaps_are_counted_and_padding_is_not(npz):
    points = POINTS.copy()
    points[0, 2], points[1, 3:], points[2, 0] = np.nan, np.nan, np.nan
    result = imported(npz(trajectories=points))
    assert "1 missing point within 1 track, crossed in a straight line" in result.notes
    assert result.times["0"] == [0, 1, 3, 4]
    assert result.times["2"] == [1, 2, 3, 4]


@pytest.mark.parametrize("dtype", ["f2", "f4"])
def test_coordinates_and_times_below_their_own_resolution_are_said(npz, dtype):
    far = (POINTS + (5e3 if dtype == "f2" else 5e7)).astype(dtype)
    assert (
        f"coordinates are float{dtype[1:].replace('2', '16').replace('4', '32')}: near"
        in imported(npz(trajectories=far)).notes
    )
    epoch = (1.7e9 + np.arange(30).reshape(6, 5)).astype("f4")
    assert "times are float32: near 1.7e+09 it resolves 128" in imported(npz(times=epoch)).notes
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "float" not in imported(npz(trajectories=POINTS.astype(dtype))).notes


def test_lengths_may_be_floats_and_columns(npz):
    lengths = np.array([5, 4, 3, 5, 5, 2])
    for form in (lengths, lengths[:, None], lengths.astype(float)):
        assert [len(points) for points in imported(npz(lengths=form)).points.values()] == lengths.tolist()
    assert "got `lengths` (6,) of int64, expected 6 integers from 1 to 5" in refusal(npz(lengths=lengths + 1))


def test_a_single_array_has_its_labels_in_another(tmp_path):
    np.save(tmp_path / "X.npy", POINTS)
    np.save(tmp_path / "y.npy", NAMED[LABELS])
    result = imported(tmp_path / "X.npy", labels=str(tmp_path / "y.npy"))
    np.testing.assert_array_equal(result.data.trajectories, POINTS)
    assert result.labels == NAMED[LABELS].tolist()
    assert "no labels; name them" in refusal(tmp_path / "X.npy")
    assert "nowhere.npy: no such file" in refusal(tmp_path / "X.npy", labels=str(tmp_path / "nowhere.npy"))


@pytest.mark.parametrize(
    "change", [lambda data: data[:-8], lambda data: data[:20], lambda data: b"", lambda data: b"x" + data]
)
def test_a_damaged_array_is_refused(tmp_path, change):
    np.save(tmp_path / "X.npy", POINTS)
    (tmp_path / "X.npy").write_bytes(change((tmp_path / "X.npy").read_bytes()))
    assert "X.npy: is damaged (" in refusal(tmp_path / "X.npy")


def test_an_array_of_objects_is_refused_unread(tmp_path):
    np.save(tmp_path / "X.npy", np.array([{}, {}], dtype=object))
    assert "`the array` holds Python objects, which are never unpickled" in refusal(tmp_path / "X.npy")


def test_the_suggestion_takes_labels_by_their_name_before_other_arrays(npz):
    one_hot = np.eye(2)[LABELS]
    message = refusal(npz(trajectories=None, labels=None, X=POINTS, subject=np.arange(6), y=one_hot))
    assert "is it --trajectories X --labels y?" in message
    result = imported(
        npz(trajectories=None, labels=None, X=POINTS, subject=np.arange(6), y=one_hot), trajectories="X", labels="y"
    )
    assert result.data.labels.tolist() == LABELS.tolist()


@pytest.mark.parametrize("key", ["subject", "subjects", "participant", "Subject_ID", "video"])
def test_arrays_called_as_groups_of_tables_are_groups_and_said(tmp_path, key):
    arrays = {"trajectories": np.random.default_rng(0).normal(size=(6, 4, 2)), "labels": np.arange(6) % 2}
    np.savez(tmp_path / "a.npz", **arrays, **{key: np.array(list("ppqqrr"))})
    result = imported(tmp_path / "a.npz")
    assert result.groups == list("ppqqrr")
    assert f"groups are {key}" in result.guesses
    assert "not used" not in result.notes
    np.savez(tmp_path / "b.npz", **arrays, groups=np.arange(6) // 3, **{key: np.array(list("ppqqrr"))})
    assert imported(tmp_path / "b.npz").groups == [0, 0, 0, 1, 1, 1]


def test_an_array_of_another_length_or_of_labels_is_no_groups(tmp_path):
    points = np.random.default_rng(0).normal(size=(6, 4, 2))
    np.savez(tmp_path / "a.npz", trajectories=points, labels=np.arange(6) % 2, video=np.zeros((9, 8, 8)))
    assert "not used: video" in imported(tmp_path / "a.npz").notes
    np.savez(tmp_path / "b.npz", trajectories=points, subject=np.arange(6) % 2)
    assert imported(tmp_path / "b.npz", labels="subject").groups == list(range(6))
    np.savez(
        tmp_path / "c.npz", trajectories=points.transpose(1, 2, 0), labels=np.arange(6) % 2, subject=np.arange(6) // 2
    )
    assert imported(tmp_path / "c.npz", axes="t d n").groups == [0, 0, 1, 1, 2, 2]
