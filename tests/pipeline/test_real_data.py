"""Real trajectories, imported and run as a user would; they lie beside the repository, not in it."""

import json
from pathlib import Path

import numpy as np
import pytest

from trajprobe.files.checked_json import read_checked_json

DATA = Path(__file__).parents[3] / "shared/data"
# Other people's recordings stay out of the repository: a checkout by itself has none to import.
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"the data sets for trials are not here ({DATA})")


def accuracy(clone, row):
    with np.load(clone.folder / "data/trajectories/labelling.npz") as file:
        labels, folds = file["labels"], file["folds"]
    probed = json.loads((clone.folder / f"data/results/probes/{row}.json").read_text())
    right = np.array(probed["variants"][0]["networks"][0]["predictions"]) == labels
    return right[folds >= 0].mean()


def probed(clone, name, duplicates="keep"):
    """Accuracy of a probe of the raw coordinates of the imported set."""
    clone.set(name, "dataset")
    clone.set(duplicates, "prepare", "duplicates")
    clone.set({"frames": 17, "resolution": 32}, "clips", "t17")
    clone.set([0.1, 1.0, 3.0, 10.0], "probe", "logistic", "c")
    clone.repro("probe@coordinates")
    return accuracy(clone, "coordinates")


def imported(clone, name):
    status, told = clone.trajprobe("data", "import", DATA / f"{name}.npz", "--name", name)
    assert status == 0, told


def found(clone):
    """What the guards found, by name."""
    return {one["name"]: one for one in read_checked_json(clone.folder / "data/trajectories/guards.json")["findings"]}


#: Logistic regression (standardised, C = 1) on all points as stored, on the same split: from the data's own README.
PUBLISHED = {"libras": 0.778, "libras_nodup": 0.756, "pendigits": 0.916}


def test_raw_coordinates_come_within_three_points_of_what_is_published(clone):
    imported(clone, "pendigits")
    assert abs(probed(clone, "pendigits") - PUBLISHED["pendigits"]) < 0.03


def test_the_guard_tells_of_the_copies_and_without_them_the_number_falls(clone):
    imported(clone, "libras")
    imported(clone, "libras_nodup")
    leaked = probed(clone, "libras")
    assert abs(leaked - PUBLISHED["libras"]) < 0.03
    assert "19 of 180 tested tracks have a copy in train" in found(clone)["duplicates"]["text"]
    cleaned = probed(clone, "libras_nodup")
    assert abs(cleaned - PUBLISHED["libras_nodup"]) < 0.03
    assert cleaned < leaked - 0.01
    assert "no tested track is trained on" in found(clone)["duplicates"]["text"]
    assert probed(clone, "libras", "drop") < leaked - 0.01
    assert "no tested track is trained on" in found(clone)["duplicates"]["text"]
    assert "19 of 360 tracks left out" in found(clone)["note"]["text"]
    assert "19 of 360 tracks left out" in (clone.folder / "logs/prepare.log").read_text()


def test_an_import_leaves_out_and_counts_rows_of_another_split(clone):
    told = clone.trajprobe("data", "import", DATA / "libras_nodup.npz", "--name", "libras")[1]
    assert "24 of 360 tracks left out" in told


def test_the_thirty_pairs_are_named_and_the_table_says_so_before_its_numbers(clone):
    imported(clone, "libras")
    clone.set("libras", "dataset")
    clone.keep_rows("coordinates", "kinematics")
    clone.set("coordinates", "compare", "primary")
    clone.repro()
    with np.load(DATA / "libras.npz") as file:
        points = file["trajectories"]
    pairs = [[i, j] for i, j in np.argwhere((points[:, None] == points[None]).all((2, 3))).tolist() if i < j]
    assert len(pairs) == 30
    assert found(clone)["duplicates"]["items"] == pairs
    assert clone.details()["data"]["leaked_duplicates"] == 19
    table = (clone.folder / "data/report/table.md").read_text()
    assert table.startswith(
        "Before you read it:\n\n- 30 pairs of exact duplicates (rows of data/raw/libras.npz, from 0: 44 ="
    )
    assert all(f"- {one['text']}\n" in table.partition("Data set `libras`")[0] for one in found(clone).values())

    clone.set(20, "probe", "permutations")
    told = clone.run("dvc", "repro", fails=True)
    assert "with permuted labels" in told
    assert "`prepare.duplicates: drop` leaves the copies out" in told
    clone.set("warn", "compare", "leaks")
    assert clone.repro() == {"compare", "report"}
    assert "- Away from chance: " in (clone.folder / "data/report/table.md").read_text()


def test_ragged_tracks_with_times_and_gaps_run_through(clone):
    clone.trajprobe("data", "import", DATA / "omniglot_aramaic.npz", "--name", "strokes")
    clone.set("strokes", "dataset")
    clone.keep_rows("magvit2-tiny", "coordinates")
    clone.repro()
    data = clone.details()["data"]
    told = {key: data[key] for key in ("tested_clips", "classes", "chance", "leaked_duplicates")}
    assert told == {"tested_clips": 132, "classes": 22, "chance": 0.0455, "leaked_duplicates": 0}
