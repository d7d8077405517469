"""Clones and experiments share what was computed once, and a new track costs the shard that it falls into."""

import numpy as np

LOGS = ("features-magvit2-tiny", "render-t17")


def told(clone, log):
    """How many shards a stage's last run found in the store, of how many; None where it found none."""
    lines = (clone.folder / f"logs/{log}.log").read_text().splitlines()
    found = [line.split(": ", 1)[1].split(" shards")[0] for line in lines if " shards are in " in line]
    return found[-1] if found else None


def test_a_second_clone_takes_everything_from_the_store(reproduced, clone):
    again = ("--force", "--single-item", "render@t17", "features@magvit2-tiny")
    clone.repro(*again)
    assert [told(clone, log) for log in LOGS] == ["1 of 1", None]  # of an empty store: from DVC's cache
    other = reproduced.clone(clone.folder.with_name("another"), reproduced.cache)
    assert len(other.repro(*again)) == 2
    assert [told(other, log) for log in LOGS] == ["1 of 1", "2 of 2"]  # plain clips, and those with clutter
    assert other.git("status", "--porcelain") == ""


def test_appended_tracks_cost_the_last_shard(clone, tmp_path):
    generator = np.random.default_rng(0)
    trajectories, labels = generator.random((300, 5, 2)).cumsum(axis=1), np.arange(300) % 2

    def bring(count, *force):
        path = tmp_path / "tracks.npz"
        np.savez(path, trajectories=trajectories[:count], labels=labels[:count])
        status, words = clone.trajprobe("data", "import", path, "--name", "mine", *force)
        assert status == 0, words
        clone.commit(f"{count} tracks")

    bring(290)
    clone.set("mine", "dataset")
    clone.set("track", "render", "scaling")
    clone.keep_rows("magvit2-tiny")
    clone.repro("features@magvit2-tiny")
    assert [told(clone, log) for log in LOGS] == [None, None]
    bring(300, "--force")
    assert {"render@t17", "features@magvit2-tiny"} <= clone.repro("features@magvit2-tiny")
    assert [told(clone, log) for log in LOGS] == ["1 of 2", "2 of 4"]


def test_what_is_linked_to_the_store_is_an_ordinary_output(clone, store_folder):
    """DVC has its own copy: neither a pruned store nor a damaged one touches it."""
    clone.repro("--force", "--single-item", "features@magvit2-tiny")
    (shard,) = (clone.folder / "data/features/magvit2-tiny/random/0/plain/hidden.tmean").glob("*.safetensors")
    before = shard.read_bytes()
    for path in store_folder.glob("??/*"):
        path.chmod(0o644)
        path.write_bytes(b"damaged")
    assert shard.read_bytes() == before
    clone.run("dvc", "checkout", "--force", "features@magvit2-tiny")
    assert shard.read_bytes() == before
    assert clone.run("dvc", "status", "features@magvit2-tiny").strip().endswith("up to date.")
