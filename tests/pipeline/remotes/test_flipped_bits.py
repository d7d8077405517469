"""A flipped bit in DVC's cache or on the remote is found; the message names the file, and its remedy works."""

import hashlib
import re
import shutil
from pathlib import Path

import pytest

SHARD = "data/features/controls/noise/00000.safetensors"
FILES = [SHARD, "data/trajectories/labelling.npz"]


def place(root, repository, file):
    """Where DVC keeps `file` of a repository."""
    md5 = hashlib.md5((repository.folder / file).read_bytes()).hexdigest()
    return root / "files/md5" / md5[:2] / md5[2:]


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    path.chmod(0o444)  # as DVC leaves it, which is why DVC trusts it


@pytest.mark.parametrize("file", FILES)
def test_on_the_remote(stocked, clone, file):
    there = place(stocked.store, clone, file)
    flip(there)
    status, told = stocked.trajprobe("pull")
    assert (status, len(told.strip().splitlines())) == (2, 1), told
    assert file in told
    away = re.search("delete there (.*), and `dvc push`", told)[1].split(", ")
    assert str(there) in away
    assert len(away) == (2 if file == SHARD else 1)  # a folder's list as well, or push would not look
    assert not (stocked.folder / file).exists()
    assert clone.trajprobe("remote", "add", stocked.store)[0] == 0
    assert "Everything is up to date" in clone.run("dvc", "push")  # so it has to be deleted first
    for path in away:
        Path(path).unlink()
    clone.run("dvc", "push")
    status, told = stocked.trajprobe("pull")
    assert status == 0, told
    assert (stocked.folder / file).read_bytes() == (clone.folder / file).read_bytes()


@pytest.mark.parametrize(("file", "spread"), [(SHARD, True), (FILES[1], False)])
def test_in_the_cache(stocked, reproduced, file, spread):
    out = file.removesuffix("/00000.safetensors")
    stocked.run("dvc", "pull", out)
    status, told = stocked.trajprobe("cache", "verify")
    assert (status, "objects are whole" in told) == (0, True), told
    bad = place(stocked.folder / ".dvc/cache", reproduced, file)
    flip(bad)
    strange = bad.with_name("0" * 30)
    strange.write_bytes(b"x")
    if spread:  # DVC hands it out without a word
        (stocked.folder / file).unlink()
        stocked.run("dvc", "checkout", out)
        assert (stocked.folder / file).read_bytes() != (reproduced.folder / file).read_bytes()
    status, told = stocked.trajprobe("cache", "verify")
    assert status == 2, told
    assert "2 of " in told
    assert len(told.strip().splitlines()) == 3
    assert "(of another branch or an earlier run)" in told
    assert f"({file})" in told
    remedies = re.findall("delete it: (rm .*)", told)
    assert any(file in remedy for remedy in remedies) == spread
    stocked.run("bash", "-c", "; ".join(remedies))
    stocked.run("dvc", "pull", out)
    assert stocked.trajprobe("cache", "verify")[0] == 0
    assert (stocked.folder / file).read_bytes() == (reproduced.folder / file).read_bytes()
    assert bad.is_file()


def test_a_feature_made_again_where_no_remote_has_it(clone, tmp_path):
    own = tmp_path / "cache"
    shutil.copytree(clone.run("dvc", "cache", "dir").strip(), own)
    clone.run("dvc", "cache", "dir", "--local", str(own))
    whole = (clone.folder / SHARD).read_bytes()
    flip(place(own, clone, SHARD))
    (clone.folder / SHARD).unlink()
    clone.run("dvc", "checkout", SHARD.rpartition("/")[0])
    remedy = re.search("delete it: (rm .*)", clone.trajprobe("cache", "verify")[1])[1]
    clone.run("bash", "-c", remedy)
    assert clone.run("dvc", "repro")
    assert (clone.folder / SHARD).read_bytes() == whole
    assert clone.trajprobe("cache", "verify")[0] == 0
