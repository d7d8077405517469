"""A raw file: everything wrong with it is told before anything is computed; everything right is read as it is meant."""

import gc
import warnings

import numpy as np
import pytest

from trajprobe.data import raw
from trajprobe.errors import UserError

POINTS = np.random.default_rng(0).normal(size=(6, 5, 3))
LABELS = np.array([0, 1, 0, 1, 0, 1])
HALVES = np.array(["train", "train", "train", "train", "test", "test"])


@pytest.fixture
def load(tmp_path):
    """Writes the arrays as an npz, over a good set's where named, and loads it; None leaves a key out."""

    def write_and_load(**arrays):
        path = tmp_path / "set.npz"
        arrays = {"trajectories": POINTS, "labels": LABELS} | arrays
        np.savez(path, **{key: value for key, value in arrays.items() if value is not None})
        return raw.load(path)

    return write_and_load


def changed(at, value, array=POINTS):
    array = array.copy()
    array[at] = value
    return array


def refused(call, *arguments, **arrays):
    with pytest.raises(UserError) as caught:
        call(*arguments, **arrays)
    message = str(caught.value)
    assert "\n" not in message
    return message


AB = np.array(["a", "b"])
NUMBERS = "expected numbers (N, T, D), D = 2 or 3"
BAD = {
    "no trajectories": ({"trajectories": None}, "no `trajectories`; expected trajectories and labels, got the keys l"),
    "no labels": ({"labels": None}, "no `labels`; expected trajectories and labels, got the keys trajectories"),
    "no keys": ({"trajectories": None, "labels": None}, "no `trajectories`; "),
    "objects": ({"trajectories": np.array([[1.0], [1.0, 2.0]], dtype=object)}, "never unpickled"),
    "object labels": ({"labels": LABELS.astype(object)}, "never unpickled"),
    "two axes": ({"trajectories": POINTS[0]}, f"got `trajectories` (5, 3) of float64, {NUMBERS}"),
    "four axes": ({"trajectories": POINTS[None]}, f"got `trajectories` (1, 6, 5, 3) of float64, {NUMBERS}"),
    "d first": ({"trajectories": POINTS.transpose(0, 2, 1)}, f"got `trajectories` (6, 3, 5) of float64, {NUMBERS}"),
    "d is 4": ({"trajectories": np.ones((6, 5, 4))}, f"got `trajectories` (6, 5, 4) of float64, {NUMBERS}"),
    "d is 1": ({"trajectories": np.ones((6, 5, 1))}, f"got `trajectories` (6, 5, 1) of float64, {NUMBERS}"),
    "strings": ({"trajectories": POINTS.astype("U4")}, NUMBERS),
    "complex": ({"trajectories": POINTS.astype(complex)}, "`trajectories` of complex128, expected numbers"),
    "empty": ({"trajectories": POINTS[:0], "labels": LABELS[:0]}, "got no trajectory"),
    "no steps": ({"trajectories": POINTS[:, :0]}, "6 of 6 tracks have fewer than 2 points"),
    "an all-NaN track": ({"trajectories": changed(3, np.nan)}, "1 of 6 tracks have fewer than 2 .*(tracks 3)"),
    "one point": ({"trajectories": changed((2, slice(1, None)), np.nan)}, "1 of 6 tracks have fewer than 2"),
    "no point is whole": ({"trajectories": changed((2, ..., 1), np.nan)}, "1 of 6 tracks have fewer than 2"),
    "inf": ({"trajectories": changed((4, 1, 0), np.inf)}, "track 4 has an infinite value"),
    "minus inf": ({"trajectories": changed((4, 1, 0), -np.inf)}, "track 4 has an infinite value"),
    "too large": ({"trajectories": changed((4, 1, 0), 1e39)}, "track 4 has a coordinate of 1e+39, expected at most"),
    "too large below": ({"trajectories": changed((4, 1, 0), -1.7e308)}, "track 4 has a coordinate of -1.7e+308, "),
    "late": ({"times": changed((5, 1), 1e300, POINTS[..., 0])}, "track 5 has a time of 1e+300, expected at most"),
    "tiny": ({"trajectories": changed(2, POINTS[2] * 1e-310)}, "1 of 6 tracks span less than 1e-30 in space (track 2"),
    "all tiny": ({"trajectories": POINTS * 1e-310}, "6 of 6 tracks span less than 1e-30 in space (track 0"),
    "short": ({"times": np.arange(30).reshape(6, 5) * 1e-320}, "6 of 6 tracks span less than 1e-30 in time"),
    "a name of a megabyte": ({"label_names": np.array(["a", "b" * 10**6])}, "a class's name of 1,000,000 characters"),
    "inf times": ({"times": changed((5, 1), np.inf, POINTS[..., 0])}, "track 5 has an infinite value"),
    "NaN times": ({"times": changed(1, np.nan, POINTS[..., 0])}, "1 of 6 tracks have fewer than 2 .*(tracks 1)"),
    "times of strings": ({"times": np.full((6, 5), "1")}, "got `times` of <U1, expected numbers"),
    "one class": ({"labels": np.zeros(6, int)}, "got one class (0), expected at least two"),
    "one named class": ({"labels": np.full(6, "walk")}, "got one class (walk), expected at least two"),
    "float labels": ({"labels": LABELS.astype(float)}, "got `labels` of float64, expected integers or strings"),
    "NaN labels": ({"labels": np.full(6, np.nan)}, "got `labels` of float64, expected integers or strings"),
    "label above": (
        {"labels": LABELS + 1, "label_names": np.array(["a", "b"])},
        "got `labels` 1 to 2, expected 0 to 1",
    ),
    "label below": ({"labels": LABELS - 1, "label_names": np.array(["a", "b"])}, "got `labels` -1 to 0, expected 0 to"),
    "unknown label": (
        {"labels": np.array(["a", "b", "c"] * 2), "label_names": np.array(["b", "a"])},
        "label c is not in `label_names` (b, a)",
    ),
    "names are numbers": ({"label_names": np.array([1, 2])}, "expected strings (K,)"),
    "names in 2-D": ({"label_names": np.array([["a", "b"]])}, "expected strings (K,)"),
    "length 0": ({"lengths": np.array([5, 5, 5, 5, 5, 0])}, "got `lengths` 0 to 5, expected integers from 1 to 5"),
    "length 6": ({"lengths": np.array([6, 5, 5, 5, 5, 5])}, "got `lengths` 5 to 6, expected integers from 1 to 5"),
    "float lengths": ({"lengths": np.full(6, 5.0)}, "expected integers from 1 to 5"),
    "length 1": ({"lengths": np.array([5, 5, 5, 5, 1, 5])}, "1 of 6 tracks have fewer than 2 .*(tracks 4)"),
    "no test": ({"split": np.full(6, "train")}, "`split` has no `test` row"),
    "no train": ({"split": np.full(6, "test")}, "`split` has no `train` row"),
    "neither": ({"split": np.full(6, "Train")}, "`split` has no `train` row; .*it holds Train"),
    "a split of numbers": ({"split": np.arange(6)}, "got `split` of int64, expected strings"),
    "groups of NaN": ({"groups": np.full(6, np.nan)}, "got `groups` of float64"),
    "class only in test": ({"labels": np.array([0, 0, 1, 1, 2, 1]), "split": HALVES}, "class 2 has test tracks but no"),
    "one class is left": (
        {"split": np.array(["train", "none", "test", "none", "train", "none"])},
        "got one class (0), expected at least two",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_refused_by_name(load, case):
    arrays, reason = BAD[case]
    message = refused(load, **arrays)
    assert "set.npz: " in message
    position = 0
    for part in reason.split(" .*"):
        assert part in message[position:]
        position = message.index(part, position)


@pytest.mark.parametrize("key", ["labels", "lengths", "times", "groups", "split"])
def test_an_array_that_does_not_match_the_tracks_is_refused_with_both_shapes(load, key):
    expected = "(6, 5)" if key == "times" else "(6,)"
    short = {"times": POINTS[..., :4, 0], "split": HALVES[:5]}.get(key, LABELS[:5] + 1)
    message = refused(load, **{key: short})
    assert f"got `{key}` {short.shape}, expected {expected} to match `trajectories` (6, 5, 3)" in message


def test_lengths_of_strings_are_refused(load):
    assert "`lengths`" in refused(load, lengths=np.full(6, "5"))


def test_a_repeated_label_name_is_refused(load):
    assert "`label_names`" in refused(load, label_names=np.array(["a", "a"]))


def damaged(path, compressed=False, keep=None, flip=None):
    """Writes a good set at `path`, cut off after `keep` bytes, or with a bit flipped at `flip` (place, bit)."""
    (np.savez_compressed if compressed else np.savez)(path, trajectories=POINTS, labels=LABELS)
    data = bytearray(path.read_bytes()[:keep])
    if flip:
        place, bit = flip
        data[place if isinstance(place, int) else data.index(place[0]) + place[1]] ^= bit
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("keep", [0, 1, 40, 300, -30, -1])
def test_a_truncated_file_is_refused(tmp_path, keep):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the next test's business
        assert "set.npz: " in refused(raw.load, damaged(tmp_path / "set.npz", keep=keep))
        gc.collect()


def test_a_truncated_file_is_closed(tmp_path):
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", ResourceWarning)
        refused(raw.load, damaged(tmp_path / "set.npz", keep=-30))
        gc.collect()
    assert not warned


@pytest.mark.parametrize(
    ("compressed", "place"),
    [(False, 400), (True, 400), (True, (b"labels.npy", 30))],
    ids=["plain", "packed", "deflate"],
)
def test_a_flipped_bit_in_the_data_is_refused(tmp_path, compressed, place):
    path = damaged(tmp_path / "set.npz", compressed, flip=(place, 2))
    told = refused(raw.load, path)
    assert "set.npz: is damaged" in told
    assert f"copy or save it again; where DVC holds it, delete {path} and run `dvc checkout {path}`" in told


@pytest.mark.parametrize("offset", [8, 10], ids=["encrypted", "compression"])
def test_a_flipped_bit_in_the_zip_directory_is_refused(tmp_path, offset):
    path = damaged(tmp_path / "set.npz", flip=((b"PK\x01\x02", offset), 1))
    assert "set.npz: is damaged" in refused(raw.load, path)


def test_a_single_array_is_refused(tmp_path):
    np.save(tmp_path / "set.npy", POINTS)
    assert "single array" in refused(raw.load, tmp_path / "set.npy")


def test_a_file_of_text_is_not_said_to_hold_objects(tmp_path):
    (tmp_path / "set.csv").write_text("x,y\n1,2\n")
    assert "no npz" in refused(raw.load, tmp_path / "set.csv")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    assert refused(raw.load, tmp_path / "set.npz").endswith("set.npz: no such file")


def test_a_folder_is_refused(tmp_path):
    assert refused(raw.load, tmp_path).endswith("is a folder, expected a file")


@pytest.mark.parametrize("d", [2, 3])
def test_the_plain_case(load, d):
    data = load(trajectories=POINTS[..., :d].astype(np.float32))
    np.testing.assert_array_equal(data.trajectories, POINTS[..., :d].astype(np.float32))
    assert data.trajectories.dtype == np.float64
    np.testing.assert_array_equal(data.times, [[0, 1, 2, 3, 4]] * 6)
    np.testing.assert_array_equal(data.labels, LABELS)
    assert data.label_names.tolist() == ["0", "1"]
    assert len(set(data.groups)) == 6
    assert data.split is None
    assert data.notes == ()


def test_whole_numbers_are_read_as_points(load):
    whole = np.arange(90).reshape(6, 5, 3)
    np.testing.assert_array_equal(load(trajectories=whole).trajectories, whole.astype(float))


def test_string_labels_are_their_own_names(load):
    labels = np.array(["walk", "bike", "walk", "run", "bike", "run"])
    data = load(labels=labels)
    assert data.label_names[data.labels].tolist() == labels.tolist()


def test_string_labels_keep_the_order_of_the_names(load):
    labels = np.array(["walk", "bike", "walk", "run", "bike", "run"])
    data = load(labels=labels, label_names=np.array(["run", "walk", "bike"]))
    assert data.label_names.tolist() == ["run", "walk", "bike"]
    assert data.labels.tolist() == [1, 2, 1, 0, 2, 0]


def test_numbers_without_names_are_named_by_themselves(load):
    labels = np.array([30, -4, 30, 7, 7, -4])
    data = load(labels=labels)
    assert data.label_names[data.labels].astype(int).tolist() == labels.tolist()
    assert set(data.labels) == {0, 1, 2}


def test_numbers_with_names_are_indices_of_them(load):
    data = load(label_names=np.array(["walk", "bike"]))
    assert data.label_names[data.labels].tolist() == ["walk", "bike"] * 3


def test_what_lies_beyond_a_tracks_length_is_no_point(load):
    lengths = np.array([5, 2, 3, 4, 5, 2])
    data = load(lengths=lengths, trajectories=changed((1, 4), np.inf))  # junk beyond a length is no harm
    beyond = np.arange(5) >= lengths[:, None]
    np.testing.assert_array_equal(np.isnan(data.trajectories), np.broadcast_to(beyond[..., None], (6, 5, 3)))
    np.testing.assert_array_equal(np.isnan(data.times), beyond)
    np.testing.assert_array_equal(data.trajectories[~beyond], POINTS[~beyond])


def test_times_are_kept(load):
    times = np.cumsum(np.random.default_rng(1).uniform(0.1, 1, (6, 5)), axis=1)
    np.testing.assert_array_equal(load(times=times).times, times)


def test_groups_of_any_kind_keep_who_is_with_whom(load):
    groups = np.array(["ann", "bob", "ann", "cy", "bob", "ann"])
    got = load(groups=groups).groups
    np.testing.assert_array_equal(got[:, None] == got, groups[:, None] == groups)


@pytest.mark.parametrize(
    "groups", [np.array(["ann", "bob", "ann", "cy", "bob", "al"]), np.array([7, 10, 7, -1, 10, 9])]
)
def test_groups_keep_their_names_through_an_import(load, tmp_path, groups):
    data = load(groups=groups)
    assert data.group_names[data.groups].tolist() == groups.tolist()
    np.savez(tmp_path / "again.npz", **raw.as_arrays(data))
    again = raw.load(tmp_path / "again.npz")
    assert again.group_names[again.groups].tolist() == groups.tolist()
    np.testing.assert_array_equal(again.groups, data.groups)


def test_rows_of_another_split_are_left_out_with_a_count(load):
    split = np.array(["train", "train", "unlabelled", "test", "test", "val"])
    data = load(split=split, groups=np.arange(6), times=np.cumsum(POINTS[..., 0] ** 2, axis=1))
    kept = [0, 1, 3, 4]
    np.testing.assert_array_equal(data.trajectories, POINTS[kept])
    np.testing.assert_array_equal(data.times, np.cumsum(POINTS[..., 0] ** 2, axis=1)[kept])
    np.testing.assert_array_equal(data.labels, LABELS[kept])
    assert len(data.groups) == 4
    assert data.split.tolist() == ["train", "train", "test", "test"]
    assert data.rows.tolist() == kept
    assert data.notes == ("2 of 6 tracks left out: their split is unlabelled, val, not train or test",)


def test_keys_that_are_not_used_are_noted(load):
    notes = load(lables=LABELS, meta=np.zeros(1)).notes
    assert len(notes) == 1
    assert notes[0].startswith("not used: lables, meta (")
    assert "label_names" in notes[0]


def test_what_was_loaded_can_be_written_and_loaded_again(load, tmp_path):
    lengths = np.array([5, 2, 3, 4, 5, 2])
    data = load(lengths=lengths, split=HALVES, groups=np.array([7, 7, 3, 3, 9, 1]), labels=np.array(["b", "a"] * 3))
    np.savez(tmp_path / "again.npz", **raw.as_arrays(data))
    again = raw.load(tmp_path / "again.npz")
    for name in ("trajectories", "times", "labels", "label_names", "groups", "split"):
        np.testing.assert_array_equal(getattr(again, name), getattr(data, name))
    assert again.notes == ()


def test_the_same_point_twice_and_a_coordinate_of_rounding_error_are_taken(load):
    raw_set = load(trajectories=changed(2, 3.0), times=changed((1, 2), 1e-310, np.tile(np.arange(5.0), (6, 1))))
    assert raw_set.trajectories[2].tolist() == [[3.0] * 3] * 5
    assert load(trajectories=changed((4, 1, 0), 1e-310)).trajectories[4, 1, 0] == 1e-310


def test_names_of_a_file_forge_no_note(load):
    raw_set = load(**{"g|0\n- fake": LABELS, "split": np.array(["train"] * 2 + ["a\x1b[31m`"] * 2 + ["test"] * 2)})
    assert [note for note in raw_set.notes if "\n" in note or "\x1b" in note or "a`" in note] == []
    assert r"not used: g|0\n- fake (" in raw_set.notes[0]
    assert r"their split is a\x1b[31m\x60, not train" in raw_set.notes[1]


def test_a_set_whose_coordinates_do_not_fit_into_memory_as_float64_is_refused(tmp_path, monkeypatch):
    np.savez(tmp_path / "set.npz", trajectories=np.zeros((1000, 100, 2), np.int8), labels=np.arange(1000))
    monkeypatch.setattr("trajprobe.files.memory.free", lambda: 1_000_000)
    assert "set.npz: too large: needs 0.0 GB of memory" in refused(raw.load, tmp_path / "set.npz")


def test_what_an_import_keeps_comes_back_and_a_plain_set_has_none_of_it(load):
    plain = load()
    assert plain.notes == ()
    assert plain.track_names.tolist() == list("012345")
    assert not {"track_names", "import_notes"} & raw.as_arrays(plain).keys()
    names, notes = np.array([f"t{at}" for at in range(6)]), np.array(["2 points left out", "sorted"])
    kept = load(track_names=names, import_notes=notes)
    assert kept.notes == tuple(notes)
    assert load(**raw.as_arrays(kept)).track_names.tolist() == names.tolist()
    assert load(**raw.as_arrays(kept)).notes == kept.notes


def test_messages_call_tracks_as_the_users_file_does(load):
    names = np.array([f"walk {at}" for at in range(6)])
    assert "track walk 4 has an infinite value" in refused(
        load, trajectories=changed((4, 1, 0), np.inf), track_names=names
    )
    assert "(tracks walk 3); leave them out" in refused(load, trajectories=changed(3, np.nan), track_names=names)
    assert "got `track_names` (5,), expected (6,)" in refused(load, track_names=names[:5])
    assert "got `import_notes` () of <U1, expected strings in one dimension" in refused(
        load, import_notes=np.array("a")
    )


def test_names_of_tracks_stay_with_those_that_are_left(load):
    split = np.array(["train", "none", "test", "train", "train", "test"])
    names = np.array(list("abcdef"))
    assert load(split=split, track_names=names).track_names.tolist() == list("acdef")
