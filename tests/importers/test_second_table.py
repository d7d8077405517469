"""Labels from a second table, and data sets of several files."""

import pytest
from importing import imported, refusal

TRACKS = ["id,t,x,y", "1,0,0,0", "1,1,1,1", "2,0,0,0", "2,1,2,2", "3,0,0,0", "3,1,3,3", "4,0,0,0", "4,1,4,5"]
LABELS = ["track,class,subject,subset", "4,run,s2,Test", "3,walk,s2,train", "2,run,s1,train", "1,walk,s1,train"]


def test_labels_groups_and_splits_come_by_name_in_any_order(table):
    labels = table(*LABELS[:4], "1,walk,s1,TEST", "9,sit,s9,x", name="classes.csv")
    labels.write_text(labels.read_text().replace("4,run,s2,Test", "4,run,s2, test"))
    result = imported(table(*TRACKS), labels=str(labels), on="track")
    assert result.labels == ["walk", "run", "walk", "run"]
    assert result.groups == ["s1", "s1", "s2", "s2"]
    assert result.data.split.tolist() == ["test", "train", "train", "test"]


def test_tracks_without_a_row_are_left_out_and_counted(table):
    labels = table("track,class", "4,1", "3.0,10", "2,1", "1.0,10", name="classes.csv")
    result = imported(table(*TRACKS, "5,0,0,0", "5,1,2,4"), labels=str(labels), on="track")
    assert result.names == ["1", "2", "3", "4"]
    assert result.data.label_names.tolist() == ["1", "10"]
    assert f"1 of 5 tracks left out: {labels} has no row for them" in result.notes


def test_the_only_other_column_has_the_labels_whatever_it_is_called(table):
    labels = table("track,what", "4,a", "3,b", "2,a", "1,b", name="classes.tsv")
    assert imported(table(*TRACKS), labels=str(labels), on="track").labels == ["b", "a", "b", "a"]


@pytest.mark.parametrize(("lines", "words"), [
    (["track,class", "1,a", "1,b", "2,a"], "1 tracks have two values in class, expected one each: track 1 has a and b"),
    (["name,class", "1,a"], "no column track, which --on names; got name, class"),
    (["track,what,more", "1,a,b"], "which column has the labels? Name it with --label; got track, what, more"),
    (["track,class", "t1,a", "t2,b"], "no track has a row: the tracks are 1, 2, 3 and 1 more, and track is t1, t2"),
])  # fmt: skip
def test_a_second_table_that_does_not_fit_is_refused(table, lines, words):
    assert words in refusal(table(*TRACKS), labels=str(table(*lines, name="classes.csv")), on="track")


def test_a_second_table_must_be_one(table, tmp_path):
    assert "--on: names columns of a second table" in refusal(table(*TRACKS), on="track")
    assert "expected a table, with a row a point or a track: CSV, TSV" in refusal(
        table(*TRACKS), labels=str(tmp_path / "a.npz"), on="track"
    )
    assert "nowhere.csv: no such file" in refusal(table(*TRACKS), labels=str(tmp_path / "nowhere.csv"), on="track")


def test_names_that_repeat_from_file_to_file_are_kept_apart(table):
    files = [table(*TRACKS, name=f"{name}.csv") for name in ("walk", "run")]
    result = imported(*files, label_from="filename")
    assert result.names == [f"{name}.csv {number}" for name in ("walk", "run") for number in (1, 2, 3, 4)]
    assert result.labels == ["walk"] * 4 + ["run"] * 4


def test_folders_are_labels_and_file_names_groups(table):
    files = [table(*TRACKS, name=name) for name in ("walk/s1.csv", "run/s1.csv", "walk/s2.csv", "run/s2.csv")]
    result = imported(*files, label_from="folder", group_from="filename")
    assert result.labels == ["walk"] * 4 + ["run"] * 4 + ["walk"] * 4 + ["run"] * 4
    assert result.groups == ["s1"] * 8 + ["s2"] * 8
    assert result.names[0].endswith("walk/s1.csv 1")


def test_each_file_may_be_one_track(table):
    lines = ["t,x,y", "0,0,0", "1,1,1"]
    files = [table(*lines, name=name) for name in ("walk/1.csv", "run/2.csv", "walk/3.csv", "run/4.csv")]
    result = imported(*files, id="filename", label_from="folder")
    assert result.names == ["1.csv 1", "2.csv 2", "3.csv 3", "4.csv 4"]
    assert "each file is one track with --id filename" in refusal(*files, label_from="folder")


def test_a_second_table_may_name_the_files_of_tracks(table):
    files = [table(*TRACKS, name=f"{name}.csv") for name in "ab"]
    by_file = [
        "file,track,class",
        *(f"{name}.csv,{number},{'walk' if number % 2 else 'run'}" for name in "ab" for number in (1, 2, 3, 4)),
    ]
    labels = str(table(*by_file, name="classes.csv"))
    assert imported(*files, labels=labels, on=("file", "track")).labels == ["walk", "run"] * 4
    assert "track 1 stands in several files" in refusal(*files, labels=str(table(*LABELS, name="c.csv")), on="track")


def test_files_that_do_not_go_together_are_refused(table):
    flat = table(*TRACKS, name="flat.csv")
    solid = table("id,t,x,y,z", "1,0,0,0,1", "1,1,1,1,2", name="solid.csv")
    timeless = table("id,x,y", "1,0,0", "1,1,1", name="timeless.csv")
    assert "solid.csv: got points in 3-D, expected 2-D as in" in refusal(flat, solid, label_from="filename")
    assert "timeless.csv: no times, which other files have" in refusal(flat, timeless, label_from="filename")
    assert "flat.csv: got the file twice, expected each once" in refusal(flat, flat, label_from="filename")
    assert "is a folder; name the files in it" in refusal(flat.parent)
