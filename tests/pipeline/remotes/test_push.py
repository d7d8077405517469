"""A push says what another machine would lack all the same; the command that it names is what helps."""

import re
import shutil

import numpy as np
import pytest
from conftest import free_port
from flips import LABELLING, place

RESULT = "data/results/probes/noise.json"


@pytest.fixture
def cluster(clone, tmp_path):
    """A clone with a cache of its own, and a remote to which nothing was pushed; `.store` is its folder."""
    own = tmp_path / "cache"
    shutil.copytree(clone.run("dvc", "cache", "dir").strip(), own)
    clone.run("dvc", "cache", "dir", "--local", str(own))
    clone.own, clone.store = own, tmp_path / "store"
    assert clone.trajprobe("remote", "add", clone.store)[0] == 0
    return clone


def pushed(repository):
    """What a push says that ends well."""
    status, told = repository.trajprobe("push")
    assert status == 0, told
    return told


def refused(repository, *lines):
    """A push that ends with an error, of one line after those that begin like `lines`."""
    status, told = repository.trajprobe("push")
    assert status == 2, told
    *before, last = told.strip().splitlines()
    assert last.startswith("trajprobe: error: ")
    assert [line.startswith(begin) for line, begin in zip(before, lines, strict=True)] == [True] * len(lines), told
    return last


def test_two_commands_bring_the_page_to_a_laptop(cluster, laptop):
    told = pushed(cluster).splitlines()
    assert told[0] == f"pushing to {cluster.store}"
    assert told[1] == "data/clips/t17: not pushed, since clips are quicker to render again than to fetch"
    found = re.fullmatch(
        rf"{cluster.store} has it all, (\d+) files of it new; `make (pull REMOTE={cluster.store})` .*", told[2]
    )
    assert int(found[1]) > 100
    assert len(told) == 3
    assert pushed(cluster).splitlines()[2].startswith(f"{cluster.store} has it all, 0 files of it new")
    assert laptop.trajprobe("remote", "add", cluster.store)[0] == 0
    status, shown = laptop.trajprobe("pull")
    assert (status, "Running stage" in shown) == (0, False), shown
    page = "data/report/report.html"
    assert (laptop.folder / page).read_bytes() == (cluster.folder / page).read_bytes()
    assert "has it all, 0 files" in pushed(laptop)  # it has neither raw data nor weights, and the remote has


def test_stale_stages_and_what_git_has_not_are_said(cluster):
    cluster.set(0.9, "compare", "confidence")
    told = pushed(cluster)
    assert "\ncompare, report: changed since they last ran" in told or "\ncompare: changed since" in told, told
    assert "\nparams.yaml: not committed, and a clone finds" in told
    assert "git push" not in told.replace("commit, then `git push`", "")
    cluster.repro()
    told = pushed(cluster)
    assert "changed since" not in told
    assert re.search(r"\ndvc\.lock, metrics/details\.json, .* and \d more: not committed", told), told
    cluster.commit("Confidence")
    told = pushed(cluster)
    assert "not committed" not in told
    assert "\norigin/main lacks 1 of the commits that are here; `git push` sends them\n" in told


def test_a_pull_says_which_commits_are_not_here(stocked, tmp_path):
    behind = stocked.clone(tmp_path / "behind")
    assert behind.trajprobe("remote", "add", stocked.store)[0] == 0
    stocked.append("README.md", "more")
    stocked.commit("More")
    behind.git("fetch", "--quiet")
    status, told = behind.trajprobe("pull")
    assert status == 0, told
    assert "1 of the commits on origin/main are not in this branch: `git merge origin/main` brings" in told
    behind.git("merge", "--quiet", "origin/main")
    assert "of the commits" not in behind.trajprobe("pull")[1]


def test_a_file_that_is_nowhere_is_named_with_the_command_that_makes_it_again(cluster):
    shutil.rmtree(cluster.own / place(cluster, RESULT), ignore_errors=True)
    (cluster.own / place(cluster, RESULT)).unlink()
    told = refused(cluster, "pushing to", "data/clips/t17: not", "probe@noise: changed since")
    assert f"{RESULT}: neither on {cluster.store} nor in DVC's cache here; run `dvc repro`, which makes" in told
    assert (cluster.store / place(cluster, LABELLING)).is_file()  # all others were pushed
    cluster.repro()
    assert "has it all, 1 files of it new" in pushed(cluster)


def test_an_imported_file_that_is_nowhere_is_put_into_the_cache_again(cluster, tmp_path):
    tracks = np.random.default_rng(0).random((20, 9, 2)).cumsum(1)
    np.savez(tmp_path / "mine.npz", trajectories=tracks, labels=np.arange(20) % 2)
    status, told = cluster.trajprobe("data", "import", tmp_path / "mine.npz", "--name", "mine")
    assert status == 0, told
    (cluster.own / place(cluster, "data/raw/mine.npz")).unlink()
    told = refused(cluster, "pushing to", "data/clips/t17: not", "data/raw/mine.npz.dvc: not")
    cluster.run("bash", "-c", re.search("`(dvc commit [^`]*)` where the files are good", told)[1])
    assert "has it all, 1 files of it new" in pushed(cluster)


def test_a_remote_that_is_not_there_is_said_and_not_made(cluster, tmp_path):
    def pushes(url, words):
        assert cluster.trajprobe("remote", "add", url)[0] == 0
        told = refused(cluster, *(["pushing to"] if "://" in str(url) and "http" not in str(url) else []))
        assert words in told

    pushes(tmp_path / "mount/share", f"{tmp_path}/mount/share: there is no folder {tmp_path}/mount; mount it")
    assert not (tmp_path / "mount").exists()
    (tmp_path / "file").touch()
    pushes(tmp_path / "file", f"{tmp_path}/file: is no folder that you can write to")
    port = free_port()
    pushes(f"http://127.0.0.1:{port}", "is read-only; push to the folder that it serves")
    pushes(f"ssh://me@127.0.0.1:{port}/far", "can't be reached, or refuses: [Errno 111] Connect call failed")


def test_before_a_run_there_is_nothing_to_push(cluster):
    (cluster.folder / "dvc.lock").unlink()
    assert "names no results, so that there is nothing to push; run `make repro`" in refused(cluster)
