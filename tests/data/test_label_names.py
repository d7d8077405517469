"""Class names that mean none, and names that look alike."""

import numpy as np
import pytest
from small_sets import file_of, labelling_of

from trajprobe.data import label_names


def found(*names):
    labelling = labelling_of(30, names=names)
    return {finding.name: finding for finding in label_names.findings(labelling, file_of(30))}


@pytest.mark.parametrize(
    "names", [("walk", "run"), ("0", "1", "2"), ("na", "ni", "nu"), ("a b", "ab"), ("left", "Right")]
)
def test_plain_names_are_silent(names):
    assert found(*names) == {}


@pytest.mark.parametrize("name", ["", " ", "nan", "NaN", "-1", "None", "?", "unlabelled"])
def test_a_name_that_means_none_is_told_with_its_tracks(name):
    (finding,) = found("walk", name, "run").values()
    assert finding.text.startswith("10 tracks of 30 carry a label that looks like none")
    assert f"--unlabelled='{name}'" in finding.text


@pytest.mark.parametrize("names", [("walk", "walk "), ("Walk", "walk"), ("no  way", "no way"), ("ﬁt", "fit")])
def test_names_that_differ_in_spaces_and_case_are_told(names):
    (finding,) = found(*names, "run").values()
    assert (finding.name, len(finding.items)) == ("alike labels", 1)
    assert "--ignore-case" in finding.text


def test_a_name_that_no_track_has_is_silent():
    labelling = labelling_of(30, labels=np.arange(30) % 2, names=("a", "b", "nan", "B"))
    assert list(label_names.findings(labelling, file_of(30))) == []
