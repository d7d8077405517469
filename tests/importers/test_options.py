"""Options that say where things stand in a file are refused where no reader of the files has a use for them."""

import msgspec
import numpy as np
import pytest
from importing import imported, refusal

from trajprobe.importers import readers
from trajprobe.importers.options import ARRAYS, POSES, SECOND_TABLE, TABLE, ImportOptions

LINES = (
    "id,t,x,y,label",
    *[f"{track},{time},{track},{time},{'ab'[track % 2]}" for track in range(4) for time in (0, 1)],
)
ALL = dict.fromkeys((*TABLE, *ARRAYS))


@pytest.mark.parametrize("option", [option for option in ALL if option not in TABLE])
def test_a_table_has_no_arrays(table, option):
    message = refusal(table(*LINES), **{option: "n t d"})
    assert message.startswith(f"--{option}: says nothing of ")
    taken = "--id, --time, --clock, --date-format, --x, --y, --z, --label, --label-name, --group, --split, --preset"
    assert f"tracks.csv, which takes --format, --preset, {taken.removesuffix(', --preset')}" in message
    assert "--axes" not in message.partition("which takes")[2]
    assert ("or is it the name of a second table, whose tracks --on names?" in message) == (option == "labels")


@pytest.mark.parametrize("option", [option for option in ALL if option not in ARRAYS])
def test_a_file_of_arrays_has_no_columns(tmp_path, option):
    np.savez(tmp_path / "set.npz", trajectories=np.zeros((4, 3, 2)), labels=np.arange(4) % 2)
    value = ("a",) if option == "id" else "a"
    flag = f"--{option.replace('_', '-')}"
    message = refusal(tmp_path / "set.npz", **{option: value})
    assert message.startswith(f"{flag}: says nothing of ")
    assert "--id" not in message.partition("which takes")[2]
    taken = "--time, --x, --y, --z, --label, --group, --split, --labels, --on, --label-from, --group-from, --split-from"
    assert f"which takes --format, {taken}, --trajectories, --axes, --missing, --lonlat, --scale, --fps" in message


def test_options_that_work_for_every_file_are_listed_whatever_they_are(table):
    message = refusal(table(*LINES), min_likelihood=0.5)
    assert message.startswith("--min-likelihood: says nothing of ")
    others = {"labels", "trajectories", "axes", "min_likelihood"}
    fields = [f"--{name.replace('_', '-')}" for name in ImportOptions.__struct_fields__ if name not in others]
    assert message.partition("which takes ")[2].split(", ") == fields


@pytest.mark.parametrize(
    ("option", "value", "other"),
    [("stride", 2.0, "window"), ("window_in", "points", "window"), ("outlier_bound", 5.0, "outliers"),
     ("long_gaps", "refuse", "max-gap")],
)  # fmt: skip
def test_an_option_that_changes_nothing_without_another_one_is_refused(table, option, value, other):
    message = refusal(table(*LINES), **{option: value})
    assert message.startswith(f"--{option.replace('_', '-')}: changes nothing without --{other}; add that")


def test_with_a_second_table_its_columns_are_named(table, tmp_path):
    arrays = {"trajectories": np.random.default_rng(0).normal(size=(4, 3, 2)), "track_names": np.array(list("0123"))}
    np.savez(tmp_path / "set.npz", **arrays)
    labels = tmp_path / "labels.csv"
    labels.write_text("key,kind,video\n" + "\n".join(f"{n},{'ab'[n % 2]},v{n}" for n in range(4)))
    result = imported(tmp_path / "set.npz", labels=str(labels), on="key", label="kind", group="video")
    assert result.labels == list("abab")
    assert result.groups == ["v0", "v1", "v2", "v3"]


def test_one_of_several_files_may_have_the_use(table, tmp_path):
    rng = np.random.default_rng(0)
    np.savez(
        tmp_path / "set.npz",
        trajectories=rng.normal(size=(4, 2, 3)),
        labels=np.array(list("abab")),
        times=np.zeros((4, 3)) + np.arange(3),
    )
    result = imported(tmp_path / "set.npz", table(*LINES), axes="n d t")
    assert len(result.names) == 8


def test_every_format_says_which_of_these_options_it_takes():
    assert set(ALL) | {*SECOND_TABLE} <= set(ImportOptions.__struct_fields__)
    for name in readers.names():
        assert set(readers.by_name(name).OPTIONS) <= {*ALL, *POSES}, name
    other = {"format", "on", "label_from", "group_from", "split_from"}
    cleaning = [field.name for field in msgspec.structs.fields(ImportOptions)]
    assert set(cleaning[: cleaning.index("missing")]) == set(ALL) | other | set(POSES)


def test_a_table_of_poses_is_refused_with_the_format_that_reads_it(table):
    lines = ["scorer,net,net,net", "bodyparts,nose,nose,nose", "coords,x,y,likelihood", "0,1.0,2.0,0.9", "1,2,3,0.9"]
    assert "has the header lines of poses; `--format poses --preset DeepLabCut` reads it" in refusal(table(*lines))


@pytest.mark.parametrize("role", ["label", "label_name", "group", "split"])
def test_a_column_that_neither_table_has_is_refused(table, role):
    labels = table("key,kind", *[f"{n},{'ab'[n % 2]}" for n in range(4)], name="labels.csv")
    lines = [line.rpartition(",")[0] for line in LINES]
    flag = f"--{role.replace('_', '-')}"
    message = refusal(table(*lines), labels=str(labels), on="key", **{role: "kinds"})
    assert message == f"{labels}: no column kinds, which {flag} names; got key, kind"
