"""`trajprobe report --against`: two commits of a real git repository, their results in a cache of DVC."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from probed import CLIPS, MANY, merged, row, scored
from ruamel.yaml import YAML
from small_runs import NET, PIXELS, dump, params

from trajprobe.errors import UserError
from trajprobe.runs.against import hold_against
from trajprobe.runs.against_page import against_page

VALUES = params(net=NET, pixels=PIXELS)


def probes(pretrained=(150, 152, 149), random=(100, 103), pixels=120, labelling=MANY):
    """Probe files by how many clips each network predicts correctly."""
    of = {"labelling": labelling.digest()}
    parts = [scored("pretrained", "net", *pretrained, **of), scored("random", "net", *random, **of)]
    return merged([*parts, scored("none", "pixels", pixels, **of)])


def page(revision="main"):
    return against_page(hold_against(revision))


def cells(text):
    """The tables' cells by what their line begins with."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return {name: rest for name, *rest in lines if set(name) != {"-"}}


def refused(revision="main"):
    with pytest.raises(UserError) as error:
        hold_against(revision)
    return str(error.value)


@pytest.fixture
def main(repository):
    repository.commit(VALUES, probes(), MANY)
    return repository


def test_parameters_and_rows_stand_side_by_side(main):
    values = params(net=NET | {"layer": "latents"}, pixels=PIXELS)
    values["probe"]["seed"] = 1
    main.write(values, probes(pretrained=(190, 192, 189)), MANY)
    found = page()
    table = cells(found)
    assert table["rows.net.layer"] == ['`"hidden"`', '`"latents"`']
    assert table["probe.seed"] == ["`0`", "`1`"]
    assert len([name for name in table if "." in name]) == 2
    there, here, difference, p_value, verdict, detectable = table["net"]
    assert (there[:4], here[:4], difference[:5]) == ("75.2", "95.2", "+20.0")
    assert verdict == "better"
    assert float(p_value.strip("<")) < 0.05
    assert float(detectable) > 0
    gain = table["net: gain over random weights"]
    assert (gain[0][:5], gain[1][:5]) == ("+24.4", "+44.4")
    assert gain[4] == "better, as the row: its random networks predict the same"
    assert gain[2:4] == [difference, p_value]
    assert "pixels" not in table
    assert "The same predictions in both runs, so that nothing is to be tested: pixels." in found
    assert "Holm" not in found
    assert "200 tested clips in 200 groups" in found
    assert not Path("data/report").exists()


def test_a_value_ends_no_cell(main):
    main.write(params(net=NET, pixels=PIXELS | {"options": {"name": "a|b"}}), probes(), MANY)
    assert r"""| rows.pixels.options |  | `{"name": "a\|b"}` |""" in page()


def test_a_run_is_the_same_as_itself(main):
    found = page("HEAD")
    assert "No parameter differs." in found
    assert "nothing is to be tested: net, pixels." in found
    assert cells(found) == {}


def test_the_same_weights_are_paired_and_others_are_not(main):
    """Of three networks that all gain ten clips, the interval tells."""
    values = params(net=NET | {"layer": "latents"}, pixels=PIXELS)
    better = probes(pretrained=(160, 162, 159))
    widths = []
    other_shape = params(net=NET | {"layer": "latents", "architecture": {"channels": 4}}, pixels=PIXELS)
    for run, weights in ((values, "w1"), (other_shape, "w1"), (values, "w2")):
        main.write(run, better, MANY, weights=weights)
        (change,) = [change for change in hold_against("main").rows if change.row == "net" and not change.of_gain]
        widths.append(change.verdict.difference.ci_high - change.verdict.difference.ci_low)
    assert widths[0] < widths[1] == widths[2]
    assert "Code, data or weights that differ: `data/weights/net`." in page()


@pytest.mark.parametrize(
    ("version", "path"),
    [({"code": "c2"}, "src/trajprobe/features"), ({"shared_code": "s2"}, "data/shared_code.txt")],
)
def test_code_that_differs_is_named(version, path, main):
    main.write(VALUES, probes(), MANY, **version)
    assert f"Code, data or weights that differ: `{path}`." in page()


def test_rows_of_one_run_and_rows_that_have_not_run_are_named(main):
    values = params(net=NET, noise=PIXELS, pixels=PIXELS)
    main.write(values, [part for part in probes() if part.row == "net"], MANY)
    found = page()
    assert "- noise: main: has no such row\n- pixels: workspace: has not run\n" in found
    assert "nothing is to be tested: net." in found


def test_results_of_other_parameters_than_those_of_now_are_not_shown_as_theirs(main):
    values = params(net=NET, pixels=PIXELS)
    main.write(values, probes(pretrained=(190, 192, 189)), MANY)
    values["rows"]["net"]["layer"] = "latents"
    dump(values, "params.yaml")
    assert "- net: workspace: `rows.net.layer` was changed since it ran" in page()
    values["prepare"]["folds"] = 4
    dump(values, "params.yaml")
    assert refused() == (
        "workspace and main: have no row to compare (net: workspace: `rows.net.layer` was changed since it ran; "
        "pixels: workspace: `prepare.folds` was changed since it ran); run `dvc repro`"
    )


def test_features_that_were_made_anew_make_a_probe_stale(main):
    made_anew("features@net")
    assert "- net: workspace: `data/features/net` was made anew since it ran" in page()


def test_code_that_all_stages_share_makes_all_of_them_stale(main):
    made_anew("check")
    why = "`data/shared_code.txt` was made anew since it ran"
    assert f"net: workspace: {why}; pixels: workspace: {why}" in refused()


def made_anew(stage):
    """A stage ran, and others not since then."""
    lock = YAML(typ="safe").load(Path("dvc.lock"))
    lock["stages"][stage]["outs"][0]["md5"] = "0" * 32
    dump(lock, "dvc.lock")


def test_runs_of_other_clips_are_refused(main):
    other = replace(MANY, tracks="t2")
    values = params(net=NET, pixels=PIXELS) | {"dataset": "libras"}
    main.write(values, probes(labelling=other), other)
    assert refused() == (
        "main: its data set is `synthetic`, that of the workspace `libras`: clips can't be paired, so no "
        "difference has an interval. `trajprobe report --all` puts runs of several data sets into one table"
    )
    relabelled = replace(MANY, labels=1 - MANY.labels)
    main.write(VALUES, probes(labelling=relabelled), relabelled)
    assert refused().startswith("main: its tracks or labels differ from those of the workspace")


def test_other_folds_of_the_same_clips_are_paired_and_that_is_said(main):
    other = replace(MANY, folds=1 - MANY.folds)
    main.write(VALUES, probes(pretrained=(190, 192, 189), labelling=other), other)
    found = page()
    assert "The folds differ." in found
    assert cells(found)["net"][2].startswith("+20.0")
    quarters = replace(MANY, folds=np.arange(CLIPS) // 50)
    commit = main.commit(VALUES, probes(pretrained=(190, 192, 189), labelling=quarters), quarters)
    main.git("switch", "--quiet", "--detach", "HEAD~1")
    main.write(VALUES, probes(), MANY)
    assert "The folds differ." in page(commit)
    one = hold_against(commit).rows[0].verdict.difference
    main.write(VALUES, probes(pretrained=(190, 192, 189), labelling=quarters), quarters)
    other = hold_against("HEAD").rows[0].verdict.difference
    main.write(VALUES, probes(pretrained=(190, 192, 189)), MANY)
    halves = hold_against("HEAD").rows[0].verdict.difference  # fitted to 100 clips, where quarters are to 150
    assert (one.mean, one.ci_low, one.ci_high) == pytest.approx((-other.mean, -other.ci_high, -other.ci_low))
    assert other == pytest.approx(halves)
    tested = replace(MANY, folds=np.where(np.arange(CLIPS) < 20, -1, MANY.folds))
    main.write(VALUES, probes(labelling=tested), tested)
    assert refused("HEAD").startswith("HEAD: its folds test other clips than those of the workspace")


def test_results_that_are_not_on_this_machine_are_named_with_the_command_that_fetches_them(main):
    commit = main.git("rev-parse", "HEAD")
    main.commit(params(net=NET, pixels=PIXELS), probes(pretrained=(190, 192, 189)), MANY, branch="other")
    here = main.folder / "data/results/probes/net.json"
    kept = here.read_bytes()
    shutil.rmtree(main.folder / ".dvc/cache")
    Path("kept").write_bytes(kept)
    net = "data/results/probes/net.json"
    fetched = (
        f"main: {net}: not in DVC's cache on this machine; `dvc fetch --all-branches {net}` fetches what was pushed"
    )
    assert refused() == fetched
    main.git("tag", "v1", "main")
    assert f"`dvc fetch --all-tags {net}`" in refused("v1")
    assert f"`git branch fetched-{commit[:7]} {commit[:7]} && dvc fetch --all-branches {net}`" in refused(commit)
    here.unlink()
    (main.folder / "data/trajectories/guards.json").unlink()
    assert f"`dvc fetch {net} data/trajectories/guards.json`" in refused()


def test_a_damaged_object_is_no_result(main):
    main.commit(params(net=NET, pixels=PIXELS), probes(pretrained=(190, 192, 189)), MANY, branch="other")
    for path in (main.folder / ".dvc/cache/files/md5").glob("*/*"):
        path.write_bytes(path.read_bytes().replace(b'"row": "net"', b'"row": "nut"'))
    assert "not in DVC's cache" in refused()


def test_revisions_that_git_does_not_have_are_refused(main):
    assert refused("nowhere") == (
        "nowhere: git has no such branch, tag, commit or experiment here; a branch is fetched by `git fetch origin "
        "nowhere:nowhere`, an experiment by `dvc exp pull origin nowhere`"
    )
    assert refused("--all").startswith("--all: git has no such")
    main.git("switch", "--quiet", "--orphan", "empty")
    main.git("commit", "--quiet", "--allow-empty", "--message", "Nothing")
    main.git("switch", "--quiet", "main")
    assert refused("empty") == "empty: has no params.yaml; expected a commit of `dvc repro`'s results"


def test_an_experiment_goes_by_its_name(main):
    experiment = main.commit(params(net=NET, pixels=PIXELS), probes(pretrained=(190, 192, 189)), MANY, branch="tried")
    main.git("update-ref", f"refs/exps/{experiment[:2]}/{experiment[2:]}/shy-oboe", experiment)
    main.git("switch", "--quiet", "main")
    main.git("branch", "-D", "tried")
    main.write(VALUES, probes(), MANY)
    assert cells(page("shy-oboe"))["net"][2].startswith("-20.0")
    main.git("update-ref", f"refs/exps/00/{experiment[2:]}/shy-oboe", "main")
    assert refused("shy-oboe").startswith("shy-oboe: got the name of 2 experiments, expected one; name its commit: ")


def test_predictions_of_other_clips_under_a_run_s_name_are_refused(main):
    main.write(VALUES, [row("none", "pixels", MANY.labels.tolist(), labelling="f" * 64)], MANY)
    assert refused() == (
        "workspace: data/results/probes/pixels.json: was made of other labels, groups, folds or tracks than its "
        "data/trajectories/labelling.npz; only a whole `dvc repro` makes them fit"
    )
