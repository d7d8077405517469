"""Grave findings stop a real run before any number, and what is found in clips stands above the table."""

from pathlib import Path

import in_process
import numpy as np
import pytest

from trajprobe.errors import UserError
from trajprobe.files import findings
from trajprobe.files.findings import Finding


def test_a_wild_fix_stops_prepare_with_its_track_and_render_where_prepare_only_warns(tmp_path, monkeypatch):
    points = np.random.default_rng(0).normal(size=(40, 12, 2)).cumsum(axis=1)
    points[7, 3] = 1e6
    in_process.begin(tmp_path, monkeypatch)
    in_process.write_tracks(points, np.arange(40) % 2)
    values = in_process.parameters("mine", ["pixels"], {})
    in_process.write(values)
    with pytest.raises(UserError) as caught:
        in_process.prepare()
    message = str(caught.value)
    assert "data/raw/mine.npz: 1 track of 40 stretches the data set's box" in message
    assert "(row of data/raw/mine.npz, from 0: 7)" in message
    assert "`trajprobe data import FILE --name mine --force --outliers place`" in message
    assert "\n" not in message
    assert findings.load()[0].items == ((7,),)  # all of it can be read
    assert not Path("data/trajectories/tracks.npz").exists()

    values["prepare"]["guards"] = "warn"
    in_process.write(values)
    in_process.prepare()
    in_process.stage("render", "t17")
    assert findings.load()[0].grave
    assert findings.load(findings.of_clips("t17"))[0].name == "t17: still"

    values["prepare"]["guards"], values["render"]["scaling"] = "stop", "robust"
    in_process.write(values)
    in_process.prepare()
    in_process.stage("render", "t17")
    (cut,) = findings.load(findings.of_clips("t17"))
    assert (cut.name, cut.grave) == ("t17: outside", False)
    assert (7,) in cut.items


def test_grave_findings_stop_a_run_of_dvc(clone):
    points = np.random.default_rng(0).normal(size=(40, 12, 2)).cumsum(axis=1)
    points[7, 3] = 1e6
    np.savez(clone.folder / "data/raw/wild.npz", trajectories=points, labels=np.arange(40) % 2)
    clone.set("wild", "dataset")
    told = clone.run("dvc", "repro", "prepare", fails=True)
    assert "error: data/raw/wild.npz: 1 track of 40 stretches the data set's box" in told
    assert "Traceback" not in told
    assert findings.load(clone.folder / findings.FINDINGS)[0].items == ((7,),)
    assert not (clone.folder / "data/trajectories/tracks.npz").exists()


def test_what_is_found_in_clips_stands_above_the_table(clone):
    path = clone.folder / findings.of_clips("t17")
    path.unlink()  # a link to DVC's cache
    findings.save([Finding("t17: still", "Clips t17: 3 of 60 stand still.", ((1,), (2,), (5,)))], path)
    assert clone.repro("--single-item", "compare") == {"compare"}
    table = (clone.folder / "data/report/table.md").read_text()
    assert table.startswith("Before you read it:\n\n")
    assert "\n- Clips t17: 3 of 60 stand still.\n" in table.partition("Data set")[0]
