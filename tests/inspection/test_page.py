"""The page of a data set: its numbers are those of the arrays, and the guards run on it."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from raw_sets import data_set, walks

from trajprobe.data import raw, synthetic
from trajprobe.errors import UserError
from trajprobe.files import imported
from trajprobe.files.atomic import write_npz
from trajprobe.inspection.measures import imported_names, open_dataset, quantity
from trajprobe.inspection.page import CLASSES, facts
from trajprobe.inspection.page import page as page_of
from trajprobe.params import read

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def values():
    return read(ROOT / "params.yaml")


@pytest.fixture
def put(tmp_path, monkeypatch):
    """Imports a data set by name, as far as its files go."""
    monkeypatch.chdir(tmp_path)

    def put(name, dataset):
        path = Path(f"data/raw/{name}.npz")
        write_npz(path, raw.as_arrays(dataset.raw))
        imported.record(path, "tracks.csv")
        return path

    return put


def page(dataset, values):
    """The page as one text, as it is printed where there is no terminal."""
    parts = page_of(facts(dataset, values))
    return "\n".join(part if isinstance(part, str) else "\n".join(part.plain()) for part in parts)


def row(text, name):
    """The words of the line that begins with a name."""
    return next(line for line in text.splitlines() if line.startswith(name)).removeprefix(name).split()


def test_the_numbers_are_those_of_the_arrays(values):
    lengths = np.array([3, 5, 4, 5])
    points = np.random.default_rng(0).normal(size=(4, 5, 2)).round(2)
    times = np.arange(5) * 0.5 + np.zeros((4, 1))
    dataset = data_set({"trajectories": points, "lengths": lengths, "times": times, "labels": np.array([0, 1, 0, 1])})
    text = page(dataset, values)
    tracks = [track[:length] for track, length in zip(points, lengths, strict=True)]
    steps = [np.linalg.norm(np.diff(track, axis=0), axis=1) for track in tracks]
    expected = {
        "points": lengths,
        "duration": (lengths - 1) * 0.5,
        "path length": [step.sum() for step in steps],
        "speed": [step.sum() / (len(step) * 0.5) for step in steps],
        "longest step": [step.max() for step in steps],
        "extent": [np.ptp(track, axis=0).max() for track in tracks],
        "x": np.concatenate(tracks)[:, 0],
        "y": np.concatenate(tracks)[:, 1],
    }
    for name, column in expected.items():
        shown = [float(word) for word in row(text, f"{name} ")[:3]]
        np.testing.assert_allclose(shown, [np.min(column), np.median(column), np.max(column)], rtol=1e-3, err_msg=name)
    worst = int(np.argmax([step.max() for step in steps]))
    assert f"the longest of all is in track {worst}" in text
    header = next(line for line in text.splitlines() if line.startswith("class")).split()
    assert header == ["class", "tracks", "points", "duration", "path", "length", "speed", "extent"]
    assert row(text, "0 ")[:2] == ["2", "3.5"]


def test_groups_split_and_missing_points_are_counted(values):
    points = np.random.default_rng(0).normal(size=(8, 6, 3))
    points[2, 2:4] = np.nan
    points[5, 4:] = np.nan  # padding is no gap, and what is missing at the start is none
    points[6, 0] = np.nan
    split = np.array(["train", "test"] * 2 + ["train"] * 4)
    arrays = {"trajectories": points, "labels": np.array([0, 0, 1, 1] * 2), "groups": np.arange(8) // 2, "split": split}
    text = page(data_set(arrays), values)
    assert "- 4 groups of 2 tracks" in text
    assert "- its own split: 6 train, 2 test" in text
    assert "- 2 missing points inside 1 track: crossed in a straight line" in text
    text = page(walks(["a", "b"]), values)
    assert "- no groups: each track is its own" in text
    assert "- no split: folds are drawn" in text


def test_a_script_gets_the_facts_of_the_page_as_plain_json(values):
    points = np.random.default_rng(0).normal(size=(40, 6, 2))
    points[1], points[2, 2:4] = points[0], np.nan
    of = facts(data_set({"trajectories": points, "labels": np.arange(40) % 2, "groups": np.arange(40) // 4}), values)
    assert json.loads(json.dumps(of, allow_nan=False)) == of
    assert (of["name"], of["used"], of["params_yaml_uses"], of["tracks"]) == ("walks", False, "synthetic", 40)
    assert (of["points"], of["dimensions"]) == ([4, 6], 2)
    assert of["groups"] == {"count": 10, "tracks": [4, 4]}
    assert (of["split"], of["missing"]) == (None, {"points": 2, "tracks": 1})
    finite = points[..., 0][np.isfinite(points[..., 0])]
    assert of["ranges"]["x"] == {"least": finite.min(), "median": np.median(finite), "most": finite.max()}
    assert [each["name"] for each in of["classes"]] == ["0", "1"]
    assert [each["tracks"] for each in of["classes"]] == [20, 20]
    assert any("exact duplicates" in each["text"] for each in of["guards"])
    keys = [*of, *of["ranges"], *of["classes"][0]["medians"]]
    assert [key for key in keys if not re.fullmatch("[a-z_]+", key)] == []


def test_notes_and_findings_are_shown_in_lines_of_a_terminal(values):
    text = page(walks(["a", "b"], count=30), values)
    assert "\nimport\n- nothing was changed or left out\n" in text
    points = np.random.default_rng(0).normal(size=(40, 6, 2))
    points[1] = points[0]
    text = page(data_set({"trajectories": points, "labels": np.arange(40) % 2, "groups": np.arange(40) // 4}), values)
    guards = text.partition("\nguards\n")[2]
    assert "1 pair of exact duplicates" in guards
    assert max(map(len, text.splitlines())) <= 110


def test_a_finding_names_no_file_that_only_a_stage_would_write(values):
    points = np.random.default_rng(0).normal(size=(60, 6, 2))
    points[30:] = points[:30]
    dataset = data_set({"trajectories": points, "labels": np.arange(60) % 30 // 15})
    assert "9 = 39 and 20 more, all with --json)" in " ".join(page(dataset, values).split())
    found = facts(dataset, values)["guards"][0]
    assert "data/trajectories" not in json.dumps(facts(dataset, values))
    assert found["items"] == [[number, number + 30] for number in range(30)]


def test_a_set_that_prepare_refuses_is_shown_all_the_same(values):
    text = page(walks(["a", "b"], count=2), values)
    assert "- the stage `prepare` refuses it: walks: class a has 2 independent tracks" in text


def test_a_set_that_prepare_refuses_has_the_findings_that_need_no_folds(values):
    points = np.random.default_rng(0).normal(size=(8, 30, 2)).cumsum(axis=1) + 40
    points[::2, 20:] = -999
    points[1::2] = points[1::2, :1]
    arrays = {"trajectories": points, "labels": np.repeat(np.arange(4), 2)}
    guards = page(data_set(arrays), values).partition("\nguards\n")[2]
    assert "- the stage `prepare` refuses it: " in guards
    assert "this would stop a run: 4 tracks of 8 jump to (-999.0, -999.0) and stay there" in guards.replace("\n ", "")
    assert "cuts tracks that reach far beyond the others" in guards  # what `render` says of the clips


def test_many_classes_are_cut_and_counted(values):
    text = page(walks([f"c{number:03}" for number in range(CLASSES + 5)], count=2), values)
    assert "\nc039" in text
    assert "\nc040" not in text
    assert "5 more classes; a class has 2 tracks" in text


def test_names_forge_no_line(values):
    text = page(walks(["a\n- guards", "b\x1b[2J"]), values)
    assert r"a\n- guards" in text
    assert "\x1b" not in text


def test_synthetic_needs_no_file_and_is_what_the_stage_would_draw(values, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = values | {"synthetic": values["synthetic"] | {"clips": 60, "points": 10}}
    dataset = open_dataset("synthetic", small)
    expected = synthetic.arrays(60, synthetic.Synthetic(**small["synthetic"]), 0)["trajectories"]
    np.testing.assert_array_equal(dataset.raw.trajectories, expected)
    assert "params.yaml uses it" in page(dataset, small)


def test_an_imported_set_is_opened_by_name_and_says_where_it_came_from(put, values):
    put("walks", walks(["a", "b"]))
    dataset = open_dataset("walks", values)
    assert "data/raw/walks.npz, imported from tracks.csv; params.yaml uses synthetic" in page(dataset, values)
    assert imported_names() == ["walks"]


def test_a_set_that_is_missing_or_changed_is_refused(put, values):
    path = put("walks", walks(["a", "b"]))
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(UserError, match=r"^data/raw/walks\.npz: is not the file that was imported; `trajprobe restore"):
        open_dataset("walks", values)
    path.unlink()
    with pytest.raises(UserError, match=r"^data/raw/walks\.npz: is not here; run `dvc checkout data/raw/walks\.npz`"):
        open_dataset("walks", values)
    with pytest.raises(
        UserError, match=r"^NAME: got 'hands', expected one of synthetic, walks; `trajprobe data import"
    ):
        open_dataset("hands", values)
    with pytest.raises(UserError, match=r"^NAME: got '\.\./walks'"):
        open_dataset("../walks", values)


@pytest.mark.parametrize(("value", "text"), [
    (0, "0"), (1234567.0, "1,234,567"), (12345.678, "12,346"), (1.23456, "1.235"), (-0.000123456, "-0.0001235"),
    (1e20, "1e+20"), (float("nan"), "-"), (float("inf"), "-"),
])  # fmt: skip
def test_quantities_have_about_four_digits(value, text):
    assert quantity(value) == text
