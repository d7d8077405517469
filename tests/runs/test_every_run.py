"""`trajprobe report --all`: the runs of a real git repository, and Student's interval over data sets."""

from pathlib import Path

import pytest
from probed import MANY, merged, scored
from scipy import stats
from small_runs import NET, PIXELS, dump, params

from trajprobe.errors import UserError
from trajprobe.runs.every_run import every_run, every_run_page


def headline(gain, **scores):
    numbers = {"mean": gain, "ci_low": gain - 0.02, "ci_high": gain + 0.02}
    score = scores or {"accuracy": {"mean": 0.5 + gain, "ci_low": 0.4, "ci_high": 0.9}}
    return score | {"random": {"mean": 0.5}, "gain": numbers, "verdict": 1 if gain > 0 else -1, "arrow_of_time": {}}


def probes():
    parts = [scored("pretrained", "net", 150), scored("random", "net", 100, 103), scored("none", "pixels", 120)]
    return merged(parts)


def run(repository, dataset, gain, branch=None, **scores):
    values = params(net=NET, pixels=PIXELS) | {"dataset": dataset}
    return repository.commit(values, probes(), MANY, branch=branch, headline=headline(gain, **scores))


def page():
    return every_run_page(every_run())


def lines(text):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"][2:]


def test_each_run_has_a_line_and_the_same_one_has_its_names_together(repository):
    run(repository, "synthetic", 0.25)
    run(repository, "libras", -0.1, branch="hands", balanced_accuracy={"mean": 0.4})
    commit = repository.git("rev-parse", "HEAD")
    repository.git("update-ref", f"refs/exps/{commit[:2]}/{commit[2:]}/shy-oboe", commit)
    repository.git("update-ref", "refs/exps/exec/EXEC_HEAD", "main")
    repository.git("tag", "--annotate", "--message", "First", "v1", "main")
    assert lines(page()) == [
        [
            *("workspace, hands, shy-oboe", "libras", "net", "40.0 balanced", "50.0"),
            *("-10.0 [-12.0, -8.0]", "worse"),
        ],
        ["main, v1", "synthetic", "net", "75.0 [40.0, 90.0]", "50.0", "+25.0 [+23.0, +27.0]", "better"],
    ]


def test_gains_of_three_data_sets_have_students_interval(repository):
    """Two runs of one data set count once, by their mean."""
    for number, (dataset, gain) in enumerate([("a", 0.1), ("b", 0.3), ("b", 0.2), ("c", -0.05)]):
        run(repository, dataset, gain, branch=f"try-{number}")
    means = [0.1, 0.25, -0.05]
    low, high = stats.t.interval(0.95, 2, 0.1, stats.sem(means))
    assert (
        "net: gains on 3 data sets, 2 of them above 0: in the mean "
        f"+10.0 [{100 * low:+.1f}, {100 * high:+.1f}] points, a "
        "95 % interval for data sets like these (Student's t with 2 degrees of freedom; each data set counts once). "
        "Where one has several runs, their mean counts."
    ) in page()


def test_two_data_sets_are_too_few(repository):
    run(repository, "a", 0.1)
    run(repository, "b", 0.3, branch="b")
    assert "net: gains on 2 data sets; an interval over data sets needs at least 3." in page()


def test_results_that_are_not_those_of_their_parameters_are_left_out_and_said(repository):
    run(repository, "a", 0.1)
    repository.git("branch", "stale")
    values = params(net=NET | {"layer": "latents"}, pixels=PIXELS) | {"dataset": "a"}
    dump(values, "params.yaml")
    repository.git("commit", "--quiet", "--all", "--message", "Not run")
    repository.git("switch", "--quiet", "--create", "edited", "stale")
    summary = Path("metrics/summary.json")
    summary.write_text(summary.read_text().replace("0.1", "0.9"))
    repository.git("commit", "--quiet", "--all", "--message", "Written by hand")
    repository.git("switch", "--quiet", "--orphan", "pages")
    repository.git("commit", "--quiet", "--allow-empty", "--message", "Pages")
    repository.git("switch", "--quiet", "stale")
    found = page()
    assert [line[0] for line in lines(found)] == ["workspace, stale"]
    assert "- main: `rows.net.layer` was changed since it ran\n" in found
    assert "- edited: its metrics/summary.json is not the one that its dvc.lock names\n" in found
    assert "- pages: has no params.yaml; expected a commit of `dvc repro`'s results\n" in found


def test_no_run_at_all_is_refused(repository):
    repository.write(params(net=NET, pixels=PIXELS), probes(), MANY)
    with pytest.raises(UserError, match=r"no run has a result \(workspace: has no metrics/summary.json\)"):
        every_run()
