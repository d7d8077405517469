"""A flipped bit in DVC's cache or on the remote is found; the message names the file, and its remedy works."""

import re
import shutil
from pathlib import Path

import pytest
from flips import LABELLING, SHARD, flip, place

FOLDER = "data/features/noise"
WEIGHTS, RESULT = "data/weights/magvit2-tiny/0/model.safetensors", "data/results/probes/noise.json"


def whole(repository, other, *files):
    return all((repository.folder / file).read_bytes() == (other.folder / file).read_bytes() for file in files)


@pytest.mark.harm("damage")
def test_on_the_remote(stocked, clone):
    for file in (SHARD, LABELLING):
        flip(stocked.store / place(clone, file))
    status, told = stocked.trajprobe("pull")
    assert (status, len(told.strip().splitlines())) == (2, 1), told
    assert f"{SHARD}, {LABELLING}: damaged on the remote" in told
    away = re.search("delete (.*), then run `make push`", told)[1].split(", ")
    assert {str(stocked.store / place(clone, file)) for file in (SHARD, LABELLING)} < set(away)
    assert len(away) == 3  # the list of the shard's folder as well, or push would not look
    assert not any((stocked.folder / file).exists() for file in (SHARD, LABELLING))
    assert clone.trajprobe("remote", "add", stocked.store)[0] == 0
    assert "Everything is up to date" in clone.run("dvc", "push")  # so it has to be deleted first
    for path in away:
        Path(path).unlink()
    clone.run("dvc", "push")
    status, told = stocked.trajprobe("pull")
    assert status == 0, told
    assert whole(stocked, clone, SHARD, LABELLING)


@pytest.mark.harm("damage")
def test_in_the_cache(stocked, reproduced):
    files = (SHARD, WEIGHTS, RESULT, LABELLING)
    stocked.run("dvc", "pull", FOLDER, *files[1:])
    status, told = stocked.trajprobe("cache", "verify")
    assert (status, "objects are intact" in told) == (0, True), told
    cache = stocked.folder / ".dvc/cache"
    for file in files:
        flip(cache / place(reproduced, file))
    (cache / "files/md5/aa").mkdir(exist_ok=True)
    (cache / "files/md5/aa" / ("0" * 30)).write_bytes(b"x")
    spread = files[:-1]
    for file in spread:  # DVC hands them out without a word
        (stocked.folder / file).unlink()
    stocked.run("dvc", "checkout", FOLDER, *files[1:])
    assert [whole(stocked, reproduced, file) for file in files] == [False, False, False, True]
    status, told = stocked.trajprobe("cache", "verify")
    assert (status, len(told.strip().splitlines())) == (2, 7), told  # the store, five objects, the error
    assert "5 of " in told
    assert "(of another branch or an earlier run)" in told
    remedies = dict(re.findall(r"\((\S+)\); delete it: (rm .*)", told))
    assert set(remedies) == set(files)
    assert all((file in remedies[file].split()) == (file in spread) for file in files)
    stocked.run("bash", "-c", "; ".join(re.findall("delete it: (rm .*)", told)))
    stocked.run("dvc", "pull", FOLDER, *files[1:])
    assert stocked.trajprobe("cache", "verify")[0] == 0
    assert whole(stocked, reproduced, *files)


@pytest.mark.harm("damage")
def test_what_a_stage_says_leads_to_the_cache_and_the_feature_is_made_again(clone, reproduced, tmp_path):
    own = tmp_path / "cache"
    shutil.copytree(clone.run("dvc", "cache", "dir").strip(), own)
    clone.run("dvc", "cache", "dir", "--local", str(own))
    flip(own / place(reproduced, SHARD))
    flip(clone.folder / SHARD)
    probe = ("python", "stages/probe.py", "noise")
    told = clone.run(*probe, fails=True)
    assert f"{SHARD}: is damaged (sha256 differs)" in told
    shutil.rmtree(clone.folder / re.search("; delete (.*) and run", told)[1])
    clone.run("bash", "-c", re.search("run `(dvc checkout .*)`, or", told)[1])
    assert clone.run(*probe, fails=True).splitlines()[-1] == told.splitlines()[-1]  # it came back damaged
    assert "if it comes back damaged, run `trajprobe cache verify`" in told
    clone.run("bash", "-c", re.search("delete it: (rm .*)", clone.trajprobe("cache", "verify")[1])[1])
    clone.run("dvc", "repro")  # no remote has it
    assert whole(clone, reproduced, SHARD)
    assert clone.trajprobe("cache", "verify")[0] == 0
