"""Classes by name: none, merged, left out, too small."""

import numpy as np
import pytest
from importing import imported, refusal

POINTS = np.random.default_rng(0).normal(size=(8, 5, 2))


@pytest.fixture
def labelled(tmp_path):
    """Writes tracks with these labels."""

    def write(*labels, **arrays):
        path = tmp_path / "set.npz"
        np.savez(path, trajectories=POINTS[: len(labels)], labels=np.array(labels), **arrays)
        return path

    return write


WORDS = ["walk", "Walk", "walk ", "run", "run", "jog", "jog", "sit"]


def test_classes_that_differ_by_spaces_are_one_and_those_that_differ_by_capitals_are_said(labelled):
    result = imported(labelled(*WORDS[:7], "Walk"))
    assert result.data.label_names.tolist() == ["Walk", "jog", "run", "walk"]
    assert "classes merged that differ by spaces around their names: 'walk ' (1 track) into 'walk'" in result.notes
    assert result.guesses == "classes that differ by capitals alone: Walk = walk; --ignore-case merges them"


def test_capitals_are_ignored_by_an_option_and_the_commonest_spelling_stays(labelled):
    result = imported(labelled(*WORDS[:7], "WALK"), ignore_case=True)
    assert result.data.label_names.tolist() == ["jog", "run", "walk"]
    assert result.labels.count("walk") == 4


def test_classes_are_merged_renamed_and_left_out(labelled):
    path = labelled("walk", "walk", "run", "jog", "sit", "sit", "lie", "lie")
    result = imported(path, merge_class=("jog=run", "lie=rest"), drop_class="sit")
    assert result.data.label_names.tolist() == ["rest", "run", "walk"]
    assert result.labels == ["walk", "walk", "run", "run", "rest", "rest"]
    assert "2 of 8 tracks left out: of class sit" in result.notes
    assert "--merge-class names: 'jog' (1 track) into 'run'" in result.notes
    assert "--drop-class: got stand, expected a class: jog, lie, run, sit, walk" in refusal(path, drop_class="stand")
    assert "--merge-class: got jog, expected OLD=NEW" in refusal(path, merge_class="jog")
    assert "--merge-class: got a=b, expected OLD=NEW" in refusal(path, merge_class="a=b")


@pytest.mark.parametrize(("labels", "names"), [
    (["10", "2", "10", "2", "-2", "-2", "1", "1"], ["-2", "1", "2", "10"]),
    (["walk 10", "walk 2", "walk 10", "walk 2", "1", "1"], ["1", "walk 10", "walk 2"]),
])  # fmt: skip
def test_classes_stand_in_the_order_of_their_numbers_or_else_of_their_names(labelled, labels, names):
    result = imported(labelled(*labels))
    assert result.data.label_names.tolist() == names
    assert result.labels == labels


def test_small_classes_are_refused_or_left_out(labelled):
    path = labelled("walk", "walk", "walk", "run", "run", "sit")
    assert "1 of 3 classes have one track (sit), which can't be both trained on and tested" in refusal(path)
    result = imported(path, min_per_class=2)
    assert "1 track left out: their classes have fewer than 2 tracks: sit (1)" in result.notes
    assert result.labels == ["walk"] * 3 + ["run"] * 2
    assert "got one class (walk), expected at least two" in refusal(path, min_per_class=3)


@pytest.mark.parametrize(("labels", "kept"), [
    (["a", "a", "b", "b", "", "nan", "NaN", " "], "aabb"),
    ([1, 1, 2, 2, -1, -1], "1122"),
    ([1.0, 1.0, 2.0, 2.0, np.nan], "1122"),
    (["a", "a", "b", "b", "-1"], "aabb"),
])  # fmt: skip
def test_tracks_without_a_label_are_left_out_and_counted(labelled, labels, kept):
    result = imported(labelled(*labels))
    assert "".join(result.labels) == kept
    assert f"{len(labels) - 4} of {len(labels)} tracks left out: they have no label (" in result.notes


def test_minus_one_beside_one_other_class_is_a_class(labelled):
    assert imported(labelled(-1, -1, 1, 1)).labels == ["-1", "-1", "1", "1"]


def test_an_option_says_which_labels_mean_none(labelled):
    path = labelled("a", "a", "b", "b", "other", "other", "nan", "nan")
    assert imported(path, unlabelled="other").data.label_names.tolist() == ["a", "b", "nan"]
    assert imported(path, unlabelled=("other", "nan")).data.label_names.tolist() == ["a", "b"]
    assert imported(path, unlabelled="none").data.label_names.tolist() == ["a", "b", "nan", "other"]


def test_minus_one_is_no_index_of_a_name(labelled):
    result = imported(labelled(0, 0, 1, 1, -1, label_names=np.array(["run", "walk"])))
    assert result.labels == ["run", "run", "walk", "walk"]
