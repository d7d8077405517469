"""Real trajectories, imported, and run through the stages in this process; they lie beside the repository."""

import subprocess
import sys
from pathlib import Path

import in_process
import numpy as np
import pytest
from tiny_repository import ARCHITECTURE

from trajprobe.data import raw
from trajprobe.errors import UserError
from trajprobe.files import probe_results
from trajprobe.files.atomic import write_npz
from trajprobe.files.checked_json import read_checked_json
from trajprobe.importers.data_set import import_data_set, load
from trajprobe.importers.options import ImportOptions

DATA = Path(__file__).parents[3] / "shared/data"
# Other people's recordings stay out of the repository: a checkout by itself has none to import.
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"the data sets for trials are not here ({DATA})")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The top of a repository without git and DVC, where the stages run."""
    in_process.begin(tmp_path, monkeypatch)


def imported(name):
    """Takes a data set as `trajprobe data import` does, but for `dvc add`; returns what was noted."""
    data, _ = load((DATA / f"{name}.npz",), ImportOptions())
    write_npz(Path(f"data/raw/{name}.npz"), raw.as_arrays(data))
    return " | ".join(data.notes)


def probed(name, duplicates="keep"):
    """Accuracy of a probe of the raw coordinates of the imported set, and what the guards found, by name."""
    values = in_process.parameters(name, ["coordinates"], {}, clips={"t17": {"frames": 17, "resolution": 32}})
    values["prepare"] |= {"duplicates": duplicates, "guards": "warn"}
    values["probe"]["logistic"]["c"] = [0.1, 1.0, 3.0, 10.0]
    in_process.write(values)
    in_process.prepare()
    for stage, of in (("render", "t17"), ("features", "coordinates"), ("probe", "coordinates")):
        in_process.stage(stage, of)
    with np.load("data/trajectories/labelling.npz") as file:
        labels, folds = file["labels"], file["folds"]
    right = np.array(probe_results.load("coordinates").variants[0].networks[0].predictions) == labels
    return right[folds >= 0].mean(), found()


def found():
    """What the guards found, by name."""
    return {one["name"]: one for one in read_checked_json(Path("data/trajectories/guards.json"))["findings"]}


#: Logistic regression (standardised, C = 1) on all points as stored, on the same split: from the data's own README.
PUBLISHED = {"libras": 0.778, "libras_nodup": 0.756, "pendigits": 0.916}


def test_raw_coordinates_come_within_three_points_of_what_is_published():
    imported("pendigits")
    assert abs(probed("pendigits")[0] - PUBLISHED["pendigits"]) < 0.03


def test_the_guard_tells_of_the_copies_and_without_them_the_number_falls():
    imported("libras")
    imported("libras_nodup")
    leaked, findings = probed("libras")
    assert abs(leaked - PUBLISHED["libras"]) < 0.03
    assert "19 of 180 tested tracks have a copy in train" in findings["duplicates"]["text"]
    cleaned, findings = probed("libras_nodup")
    assert abs(cleaned - PUBLISHED["libras_nodup"]) < 0.03
    assert cleaned < leaked - 0.01
    assert "no tested track is trained on" in findings["duplicates"]["text"]
    dropped, findings = probed("libras", "drop")
    assert dropped < leaked - 0.01
    assert "no tested track is trained on" in findings["duplicates"]["text"]
    assert "19 of 360 tracks left out" in findings["note"]["text"]
    assert "19 of 360 tracks left out" in in_process.prepare()


def test_an_import_leaves_out_and_counts_rows_of_another_split():
    for command in (["git", "init", "--quiet"], [sys.executable, "-m", "dvc", "init", "--quiet"]):
        subprocess.run(command, check=True)
    assert "24 of 360 tracks left out" in import_data_set((DATA / "libras_nodup.npz",), "libras", ImportOptions())
    assert Path("data/raw/libras.npz.dvc").is_file()


def test_the_thirty_pairs_are_named_and_the_table_says_so_before_its_numbers():
    imported("libras")
    values = in_process.parameters("libras", ["coordinates", "kinematics"], {})
    in_process.write(values)
    with pytest.raises(UserError, match="19 of 180 tested tracks have a copy in train") as caught:
        in_process.prepare()  # before a network has run, and not after the last one, in `compare`
    assert "`prepare.duplicates: drop` leaves those copies out of train" in str(caught.value)
    values["prepare"]["guards"] = "warn"
    in_process.write(values)
    details = in_process.details_of_all_stages()
    with np.load(DATA / "libras.npz") as file:
        points = file["trajectories"]
    pairs = [[i, j] for i, j in np.argwhere((points[:, None] == points[None]).all((2, 3))).tolist() if i < j]
    assert len(pairs) == 30
    assert found()["duplicates"]["items"] == pairs
    assert details["data"]["leaked_duplicates"] == 19
    table = Path("data/report/table.md").read_text()
    assert table.startswith(
        "Before you read it:\n\n- 30 pairs of exact duplicates (rows of data/raw/libras.npz, from 0: 44 ="
    )
    assert all(f"- {one['text']}\n" in table.partition("Data set `libras`")[0] for one in found().values())

    values["probe"]["permutations"] = 20
    in_process.write(values)
    for row in values["rows"]:
        in_process.stage("probe", row)
    with pytest.raises(UserError, match="with permuted labels") as caught:
        in_process.stage("compare")
    assert "`prepare.duplicates: drop` leaves the copies out" in str(caught.value)
    values["compare"]["leaks"] = "warn"
    in_process.write(values)
    in_process.stage("compare")
    assert "- Away from chance: " in Path("data/report/table.md").read_text()


def test_ragged_tracks_with_times_and_gaps_run_through():
    imported("omniglot_aramaic")
    recipe = {
        "family": "magvit2_tiny",
        "architecture": ARCHITECTURE,
        "clips": "t17",
        "scene": "default",
        "shuffle_frames": False,
        "steps": 2,
        "batch": 4,
        "learning_rate": 0.003,
        "weight_decay": 0.01,
        "seeds": 2,
    }
    net = {"family": "magvit2_tiny", "architecture": ARCHITECTURE, "clips": "t17", "weights": "net", "like": "net"}
    rows = {"net": net | {"layer": "hidden"}}
    in_process.write(in_process.parameters("omniglot_aramaic", ["coordinates"], rows, pretrain={"net": recipe}))
    data = in_process.details_of_all_stages()["data"]
    noted = {key: data[key] for key in ("tested_clips", "classes", "chance", "leaked_duplicates")}
    assert noted == {"tested_clips": 132, "classes": 22, "chance": 0.0455, "leaked_duplicates": 0}
    assert "data/report/report.html" in in_process.pictures_and_page()
