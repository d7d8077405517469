"""Classes, groups and splits that are a part of files' names."""

import pytest
from importing import imported, refusal

LINES = ["t,x,y", "0,0,0", "1,1,1"]
NAMES = ["subject03_walk_1", "subject03_run_2", "subject11_walk_1", "subject11_run_1"]


@pytest.fixture
def files(table):
    return [table(*LINES, name=f"{name}.csv") for name in NAMES]


def test_a_part_of_a_name_is_a_group_and_another_one_the_class(files):
    result = imported(*files, id="filename", group_from="subject{}_*", label_from="*_{}_*")
    assert result.groups == ["03", "03", "11", "11"]
    assert result.labels == ["walk", "run", "walk", "run"]
    assert "groups of files' names by --group-from subject{}_*: 03 (2), 11 (2)" in result.guesses
    assert "labels of files' names by --label-from *_{}_*: run (2), walk (2)" in result.guesses


@pytest.mark.parametrize(("pattern", "parts"), [
    ("{}", NAMES),
    ("{}_*", ["subject03", "subject03", "subject11", "subject11"]),
    ("*_{}", ["walk_1", "run_2", "walk_1", "run_1"]),
    ("*_*_{}", ["1", "2", "1", "1"]),
    ("{}/*", ["session 2"] * 4),
    ("*/*_{}_*", ["walk", "run", "walk", "run"]),
    ("s{}n */subject*", ["essio"] * 4),
])  # fmt: skip
def test_parts_end_before_what_follows_and_patterns_go_on_to_folders(table, pattern, parts):
    files = [table(*LINES, name=f"session 2/{name}.csv") for name in NAMES]
    result = imported(*files, id="filename", group_from=pattern, label_from="*_{}_*")
    assert result.groups == parts


def test_a_pattern_may_name_the_split(table):
    files = [table(*LINES, name=f"{kind}.{part}.csv") for kind in ("walk", "run") for part in ("TRAIN", "Test")]
    result = imported(*files, id="filename", label_from="{}.*", split_from="*.{}")
    assert result.data.split.tolist() == ["train", "test"] * 2


def test_a_name_that_does_not_fit_is_refused_with_the_pattern(files, table):
    other = table(*LINES, name="guest_walk_1.csv")
    message = refusal(*files, other, id="filename", group_from="subject{}_*", label_from="*_{}_*")
    assert message.startswith(
        f"{other}: --group-from: got the name guest_walk_1, expected one like subject{{}}_*; {{}} is the part that"
    )
    assert "--labels FILE --on COLUMN" in message
    unnamed = table(*LINES, name="subject_walk_1.csv")
    assert "got the name subject_walk_1, expected" in refusal(unnamed, id="filename", group_from="subject{}_*")


@pytest.mark.parametrize("pattern", ["file", "*_*", "{}_{}", "{group}_*", "{}*", "**_{}", "*{}_*"])
def test_a_pattern_names_one_part(files, pattern):
    message = refusal(*files, id="filename", label_from=pattern)
    assert message.startswith(
        f"--label-from: got {pattern}, expected filename, folder, or a pattern of the files' names"
    )


def test_a_pattern_is_no_regular_expression(table):
    files = [table(*LINES, name=f"a+({kind}) {number}.csv") for kind in ("walk", "run") for number in (1, 2)]
    assert imported(*files, id="filename", label_from="a+({}) *").labels == ["walk", "walk", "run", "run"]
