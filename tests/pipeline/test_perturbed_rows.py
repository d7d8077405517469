"""The primary row is run again perturbed, and no other row; which row that is may be changed."""

import json

import pytest

NAMES = ("shuffled-frames", "middle-frame", "permuted-weights")
PROBES = "data/results/probes/perturbed"


def stages(*rows, of=("perturbed", "probe_perturbed")):
    return {f"{stage}@{row}" for stage in of for row in rows}


def results(repository, row):
    return sorted(path.stem for path in (repository.folder / PROBES / row).iterdir())


def log(repository, name):
    return (repository.folder / "logs" / f"{name}.log").read_text()


def meta(repository, folder):
    return json.loads((repository.folder / "data/features" / folder / "manifest.json").read_text())["meta"]


@pytest.fixture
def with_rows(clone):
    """The clone with another two backbones, a row without weights, and all results."""
    row = clone.params()["backbones"]["magvit2-tiny"]
    for name, pooling in (("second", "mean"), ("third", "tdiff")):
        clone.set(row | {"pooling": pooling}, "backbones", name)
    clone.set({key: row[key] for key in row if key != "weights"}, "untrained", "bare")
    clone.repro()
    clone.commit("More rows")
    return clone


def test_the_default_row_has_them_in_the_summary_and_in_the_table(reproduced):
    summary = reproduced.summary()
    table = (reproduced.folder / "data/report/table.md").read_text()
    for name in NAMES:
        assert {"accuracy", "gap", "macro_f1"} <= summary["controls"][name].keys()
        assert f"| {name} | control | 3 x 8 |" in table
        assert f"| magvit2-tiny minus {name} |" in table
        assert meta(reproduced, f"perturbed/magvit2-tiny/{name}")["perturbation"]["name"] == name
    assert "perturbation" not in meta(reproduced, "pretrained/magvit2-tiny")


def test_another_primary_row_moves_the_work_and_the_rows(with_rows, tmp_path):
    clone, before = with_rows, with_rows.summary()
    assert all(results(clone, row) == [] for row in ("second", "third", "bare"))

    clone.set("second", "compare", "primary")
    # Of each row the folder is looked at; only where it changes there is something to probe.
    looked_at = stages("magvit2-tiny", "second", "third", of=("perturbed",)) | {"perturbed_untrained@bare"}
    assert clone.repro() == looked_at | stages("magvit2-tiny", "second", of=("probe_perturbed",)) | {"compare"}
    for row in ("magvit2-tiny", "third"):
        told = log(clone, f"features-perturbed-{row}")
        assert f"{row} is not `compare.primary`: nothing to do" in told
        assert list((clone.folder / "data/features/perturbed" / row).iterdir()) == []
        assert results(clone, row) == []
    assert results(clone, "second") == sorted(NAMES)
    assert meta(clone, "perturbed/second/middle-frame")["pooling"] == "mean"
    now = clone.summary()
    assert now["headline"] == now["second"]
    assert now["second"]["pretrained"] == before["second"]["pretrained"]
    assert now["controls"].keys() == before["controls"].keys()
    table = (clone.folder / "data/report/table.md").read_text()
    for name in NAMES:
        assert f"| {name} | control | 1 x 8 |" in table
        assert f"| second minus {name} |" in table

    clone.set("bare", "compare", "primary")
    ran = clone.repro()
    assert ran == looked_at | stages("second", of=("probe_perturbed",)) | {"probe_perturbed_untrained@bare", "compare"}
    assert results(clone, "bare") == ["middle-frame", "shuffled-frames"]
    assert meta(clone, "perturbed/bare/middle-frame")["weights"]["seed"] == 0
    assert "permuted-weights" not in clone.summary()["controls"]

    clone.set("magvit2-tiny", "compare", "primary")
    clone.repro()
    assert clone.summary() == before
    assert clone.git("status", "--porcelain") == ""
    empty_folders_come_along(clone, tmp_path)


def empty_folders_come_along(clone, tmp_path):
    """Into a clone that has git's files alone, by a remote."""
    store, other = str(tmp_path / "store"), type(clone)(tmp_path / "other")
    clone.run("dvc", "remote", "add", "--quiet", "--local", "--default", "store", store)
    clone.run("dvc", "push", "--quiet")
    clone.git("clone", "--quiet", str(clone.folder), str(other.folder))
    other.run("dvc", "remote", "add", "--quiet", "--local", "--default", "store", store)
    other.run("dvc", "pull", "--quiet", "--allow-missing")
    for row in ("second", "third", "bare"):
        assert list((other.folder / "data/features/perturbed" / row).iterdir()) == []
        assert results(other, row) == []
    assert results(other, "magvit2-tiny") == sorted(NAMES)
    assert other.run("dvc", "status", "compare").strip() == "Data and pipelines are up to date."
    assert other.git("status", "--porcelain") == ""


def test_a_row_that_is_perturbed_is_refused_with_the_others_before_anything_runs(clone):
    clone.set({"family": "extent", "clips": "t17"}, "controls", "middle-frame")
    status, told = clone.trajprobe("check")
    assert status == 2
    assert "`controls.middle-frame`: got 'middle-frame', expected letters" in told
    assert "none of controls, data, headline, pretrain, shuffled-frames" in told


def test_a_missing_folder_of_features_is_told(clone):
    clone.run("rm", "-r", "data/features/perturbed/magvit2-tiny")
    told = clone.run("python", "stages/probe_perturbed.py", "magvit2-tiny", fails=True)
    assert "data/features/perturbed/magvit2-tiny: is not there; `dvc repro` makes it, `dvc pull` fetches it" in told
    assert "Traceback" not in told
