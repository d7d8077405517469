"""Guards of a data set against brute force: who is a copy of whom, what a split parts, which classes are uneven."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from trajprobe.data import guards, raw
from trajprobe.data.folds import Prepare, prepare, used
from trajprobe.errors import UserError
from trajprobe.files import findings
from trajprobe.files.checked_json import read_checked_json, write_checked_json
from trajprobe.files.findings import Finding
from trajprobe.files.labelling import TRAIN_ONLY, Labelling

DATA = Path(__file__).parents[3] / "shared/data"
# Other people's recordings stay out of the repository: a checkout by itself has none.
real = pytest.mark.skipif(not DATA.is_dir(), reason=f"the data sets for trials are not here ({DATA})")
KEEP, DROP = (
    Prepare(folds=5, seed=0, duplicates=choice, shared_runs="keep", guards="stop", pool="auto")
    for choice in ("keep", "drop")
)
DRAWING = guards.Drawing({"xy"}, "dataset", "normalised")


@pytest.fixture
def guard(tmp_path):
    """Writes a set of random walks with the arrays over it, prepares it, and returns its findings by name."""

    def write_and_guard(points, labels, params=KEEP, **more):
        np.savez(tmp_path / "set.npz", trajectories=points, labels=labels, **more)
        return guarded(tmp_path / "set.npz", params)

    return write_and_guard


def guarded(path, params=KEEP, told_as="set.npz"):
    data = used(raw.load(path), params, path)
    tracks, labelling = prepare(data, params, "set")
    found = list(guards.findings(data, tracks, labelling, DRAWING, told_as))
    assert len({one.name for one in found}) == len(found)
    assert all("\n" not in one.text and one.text.endswith(".") for one in found)
    return {one.name: one for one in found}


def walks(count, steps=6, seed=0):
    return np.random.default_rng(seed).normal(size=(count, steps, 2))


def copies_by_hand(points, lengths=None):
    """All pairs of equal tracks, each held against each."""
    return {
        (i, j)
        for i, j in combinations(range(len(points)), 2)
        if lengths is None or lengths[i] == lengths[j]
        if np.array_equal(points[i], points[j], equal_nan=True)
    }


def test_a_clean_set_has_no_finding(guard):
    assert guard(walks(100), np.arange(100) % 2) == {}


def test_pairs_of_folds_are_named_mildly(guard):
    points = walks(40)
    points[17], points[30] = points[3], points[9]
    found = guard(points, (np.arange(40) > 20).astype(int))["duplicates"]
    assert found.items == ((3, 17), (9, 30))
    assert found.text == (
        "2 pairs of exact duplicates (rows of set.npz, from 0: 3 = 17, 9 = 30): copies count as one group, all in one "
        "fold."
    )


def test_pairs_that_a_split_parts_are_told_with_the_remedy(guard):
    points = walks(60)
    points[50], points[51], points[41] = points[0], points[1], points[40]
    split = np.where(np.arange(60) < 30, "test", "train")
    found = guard(points, np.arange(60) % 2, split=split)
    assert found["duplicates"].items == ((0, 50), (1, 51), (40, 41))
    assert "): 2 of 30 tested tracks have a copy in train" in found["duplicates"].text
    assert "`prepare.duplicates: drop`" in found["duplicates"].text
    dropped = guard(points, np.arange(60) % 2, DROP, split=split)
    assert dropped["duplicates"].items == ((40, 41),)
    assert "1 pair of exact duplicates (rows of set.npz, from 0: 40 = 41): no tested track is trained on" in (
        dropped["duplicates"].text
    )
    assert dropped["note"].text.startswith("2 of 60 tracks left out: exact duplicates, in train, of tested tracks")


def test_rows_are_those_of_the_file_whatever_is_left_out(guard):
    points = walks(60)
    points[50] = points[20]
    split = np.where(np.arange(60) < 10, "none", np.where(np.arange(60) % 4 < 2, "test", "train"))
    assert guard(points, np.arange(60) % 2, split=split)["duplicates"].items == ((20, 50),)


def test_a_huge_list_is_whole_in_the_file_and_short_in_the_text(guard):
    points = walks(60)
    points[30:] = points[:30]
    points[55] = points[7]
    found = guard(points, (np.arange(60) % 30 > 14).astype(int))["duplicates"]
    sets = [{i, i + 30} for i in range(30) if i not in (7, 25)] + [{7, 37, 55}]
    assert [set(one) for one in found.items] == sorted(sets, key=min)
    assert found.text.startswith("29 sets of exact duplicates (rows of set.npz, from 0: 0 = 30, 1 = 31, 2 = 32, ")
    assert "7 = 37 = 55, 8 = 38, 9 = 39 and 19 more, in data/trajectories/guards.json)" in found.text


def test_a_huge_set_of_copies_is_short_in_the_text(guard):
    points = walks(60)
    points[:30] = points[0]
    found = guard(points, np.arange(60) % 2)
    assert found["duplicates"].items == (tuple(range(30)),)
    assert "1 set of exact duplicates (rows of set.npz, from 0: 0 = 1 = 2 = 3 = ... (30 rows))" in (
        found["duplicates"].text
    )


def test_copies_of_different_classes_are_told_alone(guard):
    points = walks(40)
    points[17], points[30], points[31] = points[3], points[9], points[8]
    labels = (np.arange(40) > 20).astype(int)
    found = guard(points, labels)
    assert found["duplicates"].items == ((3, 17), (8, 31), (9, 30))
    wrong = found["duplicates of different classes"]
    assert wrong.items == ((8, 31), (9, 30))
    assert wrong.text.startswith("2 of these pairs carry different labels")
    assert "(8 = 31, 9 = 30)" in wrong.text
    labels[[8, 9]] = 1
    assert "duplicates of different classes" not in guard(points, labels)


@pytest.mark.parametrize("seed", range(3))
def test_duplicates_are_those_of_brute_force(guard, seed):
    generator = np.random.default_rng(seed)
    points = walks(12, seed=seed)[generator.integers(0, 12, 30)]
    points[generator.random(30) < 0.3, 0, 0] += 1
    split = np.where(generator.random(30) < 0.5, "test", "train")
    labels = np.zeros(30, int)
    labels[[np.flatnonzero(split == "test")[0], np.flatnonzero(split == "train")[0]]] = 1
    found = guard(points, labels, split=split)["duplicates"]
    expected = copies_by_hand(points)
    assert {pair for one in found.items for pair in combinations(one, 2)} == expected
    leaked = {i for pair in expected for i, j in (pair, pair[::-1]) if (split[i], split[j]) == ("test", "train")}
    assert f"{len(leaked)} of {(split == 'test').sum()} tested tracks have a copy" in found.text
    assert leaked
    assert found.grave


@pytest.mark.parametrize(("tested", "grave"), [(50, True), (51, False)])
def test_a_run_stops_over_copies_in_train_of_two_percent_of_the_tested_tracks(guard, tested, grave):
    points = walks(120)
    points[119] = points[0]
    split = np.where(np.arange(120) < tested, "test", "train")
    assert guard(points, np.arange(120) % 2, split=split)["duplicates"].grave is grave


def test_copies_within_a_half_or_in_folds_stop_no_run(guard):
    points = walks(60)
    points[59] = points[31]
    assert not guard(points, np.arange(60) % 2)["duplicates"].grave
    assert not guard(points, np.arange(60) % 2, split=np.repeat(["test", "train"], 30))["duplicates"].grave


def test_groups_that_the_split_parts_are_named(guard):
    generator = np.random.default_rng(0)
    names = np.array([f"person {i:02}" for i in range(40)])
    groups = names[np.r_[np.arange(40), generator.integers(0, 40, 60)]]
    split = np.where(generator.random(100) < 0.5, "test", "train")
    both = [n for n in names if {"test", "train"} <= {s for g, s in zip(groups, split, strict=True) if g == n}]
    tested = sum(g in both and s == "test" for g, s in zip(groups, split, strict=True))
    found = guard(walks(100), np.arange(100) % 2, split=split, groups=groups)["split groups"]
    assert found.items == tuple(both)
    assert 10 < len(both) < 40
    assert found.text.startswith(
        f"The set's own split has {len(both)} of 40 groups on both sides ({', '.join(both[:10])} and "
    )
    assert f"{tested} of {(split == 'test').sum()} tested tracks" in found.text


def test_groups_that_nothing_parts_are_no_finding(guard):
    groups, split = np.arange(100) // 2, np.where(np.arange(100) < 50, "test", "train")
    assert "split groups" not in guard(walks(100), np.arange(100) % 2, split=split, groups=groups)
    assert "split groups" not in guard(walks(100), np.arange(100) // 2 % 2, groups=groups)


def labelled(counts, groups=None, untested=0):
    """A labelling of so many tested clips of each class; each its own group, or as given; then train clips of all."""
    labels = np.repeat(np.arange(len(counts)), counts)
    tested = len(labels)
    labels = np.r_[labels, np.arange(len(counts) + untested)]
    groups = np.arange(tested) if groups is None else np.asarray(groups)
    groups = np.r_[groups, np.arange(len(labels) - tested) + 1000]
    folds = np.where(np.arange(len(labels)) < tested, 0, TRAIN_ONLY)
    return Labelling(labels, np.array([*"abcdef"][: len(counts) + untested]), groups, folds, "t", 0)


@pytest.mark.parametrize(("counts", "uneven"), [((30, 20), True), ((29, 20), False), ((20, 25, 40), True)])
def test_uneven_classes_are_told_from_one_and_a_half_on(counts, uneven):
    found = {one.name: one.text for one in guards.classes(labelled(counts))}
    assert ("class imbalance" in found) == uneven


def test_imbalance_names_the_classes_and_what_to_read():
    (found,) = guards.classes(labelled((20, 25, 40)))
    assert "40 tested clips of c, 20 of a. Read balanced accuracy: 47.1 % of the clips" in found.text


def test_classes_without_a_tested_clip_are_named():
    (found,) = guards.classes(labelled((20, 20), untested=2))
    assert (found.name, found.items) == ("untested classes", ("c", "d"))


def test_classes_of_few_groups_are_named():
    groups = [*range(20), *(np.arange(20) % 4), *(np.arange(20) % 5)]  # groups of several classes count for each
    (found,) = guards.classes(labelled((20, 20, 20), groups))
    assert (found.name, found.items) == ("classes of few groups", ("b 4",))
    assert found.text.startswith("Of 1 of 3 classes fewer than 5 independent groups are tested (b 4)")


@pytest.mark.parametrize(("count", "few"), [(19, True), (20, False)])
def test_fewer_than_twenty_tested_groups_are_told(count, few):
    found = list(guards.groups(labelled((40,), np.arange(40) % count)))
    assert [one.name for one in found] == ["few groups"] * few
    assert all(f"of {count} independent groups" in one.text for one in found)


def test_uneven_groups_count_by_kishs_number():
    """30 groups of one clip and one of 30: 60^2 / (30 + 30^2)."""
    (found,) = guards.groups(labelled((60,), [*range(30), *[99] * 30]))
    assert "are of 31 independent groups, which by their sizes count as 3.9 equal ones: with" in found.text


def test_classes_that_are_confounded_with_groups_are_told():
    groups = np.arange(60) // 10
    (found,) = guards.pure_groups(labelled((20, 40), groups))
    assert (found.name, found.items) == ("classes confounded with groups", ())
    assert "Each of the 6 groups has clips of one class alone, and a class has as few as 2 groups." in found.text
    assert list(guards.pure_groups(labelled((25, 35), groups))) == []  # one group has both classes
    assert list(guards.pure_groups(labelled((20, 40)))) == []  # no groups were given
    assert list(guards.pure_groups(labelled((60, 60), np.arange(120) // 3))) == []  # 20 groups a class


def test_all_guards_speak_and_in_order(guard):
    points = walks(60)
    points[:, 0, 0] = np.arange(60) % 3 == 0
    points[40] = points[1]
    split = np.where(np.arange(60) < 30, "test", "train")
    found = guard(
        points, (np.arange(60) % 3 == 0).astype(int), split=split, groups=np.arange(60) % 19, note=np.zeros(1)
    )
    assert [*found] == [
        "note", "duplicates", "split groups", "one number: place", "class imbalance", "few groups",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("count", "end"), [(1, "0"), (10, "8, 9"), (11, "8, 9 and 1 more, in data/trajectories/guards.json")]
)
def test_a_text_names_ten_at_most(count, end):
    told = findings.first(range(count))
    assert told.endswith(end)
    assert told.startswith(", ".join(map(str, range(min(count, 10)))))


def test_findings_come_back_as_they_were_saved(tmp_path):
    found = [Finding("a", "A.", ((1, 2), (3, 4, 5))), Finding("b", "B.", ("x", "y"), grave=True), Finding("c", "C.")]
    findings.save(found, tmp_path / "guards.json")
    assert findings.load(tmp_path / "guards.json") == found
    plain = read_checked_json(tmp_path / "guards.json")["findings"]
    assert plain[0] == {"name": "a", "text": "A.", "items": [[1, 2], [3, 4, 5]], "grave": False}
    write_checked_json(tmp_path / "guards.json", {"findings": [{"name": "a"}]})
    with pytest.raises(UserError, match=r"guards\.json.*missing key `text`"):
        findings.load(tmp_path / "guards.json")


def test_a_grave_finding_stops_the_run_unless_it_is_to_warn():
    found = [Finding("a", "A."), Finding("b", "B.", grave=True), Finding("c", "C.", grave=True)]
    with pytest.raises(UserError, match=r"^here: B\. C\. No result can be believed .*`prepare\.guards: warn`"):
        findings.stop(found, "stop", "here")
    findings.stop(found, "warn", "here")
    findings.stop(found[:1], "stop", "here")


def test_the_same_set_gives_the_same_findings(guard):
    points = np.repeat(walks(30), 2, axis=0)
    points[:, 0, 0] = np.arange(60) // 30 * 9
    one, other = (guard(points, np.arange(60) // 30) for _ in range(2))
    assert one == other
    assert len(one) >= 2


@real
@pytest.mark.parametrize("name", ["libras", "libras_nodup", "pendigits", "omniglot_aramaic"])
def test_real_sets_have_no_grave_finding_but_copies_in_train_and_none_of_the_statistical_guards(name):
    found = guarded(DATA / f"{name}.npz")
    assert [one.name for one in found.values() if one.grave] == ["duplicates"] * (name == "libras")
    assert {one.partition(":")[0] for one in found} <= {
        "note",
        "duplicates",
        "split groups",
        "one number",
        "few groups",
    }


@real
@pytest.mark.parametrize(("name", "guards_that_speak"), [
    ("one_outlier_point_1e6", {"stretched box": True}),
    ("overlapping_windows_no_groups", {"shared runs": True, "order": False}),
    ("sentinel_minus_999_padded", {"end marks": True}),
    ("times_all_equal", {"equal times": True}),
    ("times_one_late_point", {"late times": True}),
    ("times_duplicate", {}),
    ("utm_float32_offsets", {"coarse places": False}),
    ("labels_minus_one_is_unlabelled", {"no label": False}),
    ("labels_padded_whitespace", {"alike labels": False}),
    ("nan_gap_in_middle", {}),
    ("stationary_tracks", {}),  # of which the guards on clips tell
])  # fmt: skip
def test_what_is_odd_in_the_wild_is_told_and_nothing_else(name, guards_that_speak):
    found = guarded(DATA / f"in_the_wild/{name}.npz", told_as=f"data/raw/{name}.npz")
    told = {one.name: one.grave for one in found.values() if not one.name.startswith("one number")}
    assert told == guards_that_speak
    for one in found.values():
        assert not one.grave or f"data/raw/{name}.npz, from 0: " in one.text


@real
def test_windows_in_the_wild_are_grouped_by_recording():
    path = DATA / "in_the_wild/overlapping_windows_no_groups.npz"
    (shared,) = [one for one in guarded(path).values() if one.name == "shared runs"]
    assert len(shared.items) == 12
    assert sorted(row for one in shared.items for row in one) == list(range(300))
    data = raw.load(path)
    params = Prepare(folds=2, seed=0, duplicates="keep", shared_runs="group", guards="stop", pool="auto")
    tracks, labelling = prepare(data, params, "set")
    assert len(np.unique(labelling.groups)) == 12
    assert not any(one.name == "shared runs" for one in guards.findings(data, tracks, labelling, DRAWING, "set.npz"))


@real
def test_the_thirty_pairs_of_libras_are_named_and_nineteen_tested_tracks_leak():
    """Against all 64,620 pairs of tracks, held against each other in numpy."""
    with np.load(DATA / "libras.npz") as file:
        points, split = file["trajectories"], file["split"]
    equal = (points[:, None] == points[None]).all((2, 3))
    pairs = {(i, j) for i, j in np.argwhere(equal).tolist() if i < j}
    assert len(pairs) == 30
    found = guarded(DATA / "libras.npz", told_as="data/raw/libras.npz")
    assert set(found["duplicates"].items) == pairs
    assert found["duplicates"].text.startswith("30 pairs of exact duplicates (rows of data/raw/libras.npz, from 0: ")
    leaked = (equal & (split == "test")[:, None] & (split == "train")).any(axis=1).sum()
    assert leaked == 19
    assert "): 19 of 180 tested tracks have a copy in train" in found["duplicates"].text
    assert len(found["split groups"].items) == 19


@real
@pytest.mark.parametrize(
    ("name", "params", "pairs", "left"), [("libras", DROP, 11, 341), ("libras_nodup", KEEP, 6, 336)]
)
def test_without_the_copies_no_tested_track_of_libras_is_trained_on(name, params, pairs, left):
    path = DATA / f"{name}.npz"
    found = guarded(path, params)
    assert len(found["duplicates"].items) == pairs
    assert "no tested track is trained on" in found["duplicates"].text
    assert "split groups" not in found
    data = used(raw.load(path), params, path)
    flat = data.trajectories.reshape(left, -1)
    equal = (flat[data.split == "test"][:, None] == flat[data.split == "train"]).all(axis=2)
    assert not equal.any()
    assert (data.split == "test").sum() == {"libras": 180, "libras_nodup": 156}[name]
    everything = raw.load(DATA / "libras.npz").trajectories
    np.testing.assert_array_equal(data.trajectories, everything[data.rows])


def test_names_of_a_file_forge_no_finding(guard, tmp_path):
    """Neither a line of its own, nor a colour, nor a direction of text, nor the end of our code."""
    forged = ["g|0\n- fake: all is well", "\x1b[2J\u202e", "`; `", "\ud800", "x" * 10_000]
    labels = np.array([forged[0]] * 60 + [forged[1]] * 20)
    groups = np.array(forged + [str(group) for group in range(75)])
    split = np.where(np.arange(80) % 2, "train", "test")
    shared = np.r_[groups[:10], groups[:10], groups[20:]]  # the split parts these
    found = guard(walks(80), labels, groups=shared[[*range(0, 80, 2), *range(1, 80, 2)]], split=split)
    assert {"split groups", "class imbalance"} <= set(found)
    for one in found.values():
        for text in (one.text, *(item for item in one.items if isinstance(item, str))):
            assert text.isprintable()
            assert len(text) < 2000
            assert "`; `" not in text
    assert r"tested clips of g|0\n- fake: all is well" in found["class imbalance"].text
    findings.save(found.values(), tmp_path / "guards.json")
    assert findings.load(tmp_path / "guards.json") == list(found.values())
