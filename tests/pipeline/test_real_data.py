"""Real trajectories, imported and run as a user would; they lie beside the repository, not in it."""

import json
from pathlib import Path

import numpy as np
import pytest

DATA = Path(__file__).parents[3] / "shared/data"
# Other people's recordings stay out of the repository: a checkout by itself has none to import.
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"the data sets for trials are not here ({DATA})")


def accuracy(clone, row):
    with np.load(clone.folder / "data/trajectories/labelling.npz") as file:
        labels, folds = file["labels"], file["folds"]
    probed = json.loads((clone.folder / f"data/results/probes/controls/{row}.json").read_text())
    right = np.array(probed["networks"][0]["predictions"]) == labels
    return right[folds >= 0].mean()


# Logistic regression (standardised, C = 1) on all points as stored, on the same split: from the data's own README.
@pytest.mark.parametrize(("name", "published"), [("libras", 0.778), ("libras_nodup", 0.756), ("pendigits", 0.916)])
def test_raw_coordinates_come_within_three_points_of_what_is_published(clone, name, published):
    status, told = clone.trajprobe("data", "import", DATA / f"{name}.npz", "--name", name)
    assert status == 0, told
    clone.set(name, "dataset")
    clone.set({"frames": 17, "size": 32}, "clips", "t17")
    clone.set([0.1, 1.0, 3.0, 10.0], "probe", "logistic", "c")
    clone.repro("probe_controls@coordinates")
    assert abs(accuracy(clone, "coordinates") - published) < 0.03


def test_an_import_leaves_out_and_counts_rows_of_another_split(clone):
    told = clone.trajprobe("data", "import", DATA / "libras_nodup.npz", "--name", "libras")[1]
    assert "24 of 360 tracks left out" in told


def test_duplicates_that_the_original_split_parts_are_counted(clone):
    clone.trajprobe("data", "import", DATA / "libras.npz", "--name", "libras")
    clone.set("libras", "dataset")
    clone.repro()
    assert clone.summary()["data"]["leaked_duplicates"] == 19
    assert "19 of 180 tested clips are exact duplicates" in (clone.folder / "data/report/table.md").read_text()


def test_ragged_tracks_with_times_and_gaps_run_through(clone):
    clone.trajprobe("data", "import", DATA / "omniglot_aramaic.npz", "--name", "strokes")
    clone.set("strokes", "dataset")
    clone.repro()
    assert clone.summary()["data"] == {
        "tested_clips": 132,
        "groups": clone.summary()["data"]["groups"],
        "classes": 22,
        "chance": 0.0455,
        "leaked_duplicates": 0,
    }
