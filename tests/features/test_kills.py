"""Runs that are killed at any moment go on where they stopped; KILLS=200 asks for more kills than the default."""

import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from small import VIDEO, files, values, written

from trajprobe.features.extract import FeatureMaker, extract
from trajprobe.files.feature_shards import FEATURES
from trajprobe.files.store import Store

KILLS = int(os.environ.get("KILLS", "12"))
OUT = FEATURES / "trained"
SHARDS = 40


def child(diary):
    """A process of its own that extracts features, and writes down each shard that it begins."""
    if pid := os.fork():
        return pid
    try:
        make = FeatureMaker.make

        def recorded(encoder, task, *rest):
            with diary.open("a") as file:
                file.write(f"{task.keys[0]}\n")
            return make(encoder, task, *rest)

        FeatureMaker.make = recorded
        FeatureMaker.forecast = lambda *_: "no forecast"
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stderr.fileno())
        extract(values(), "trained")
    except BaseException:  # noqa: BLE001 (the parent sees the status)
        os._exit(1)
    os._exit(0)


def finished(store):
    """Keys of the shards that stand under their final names: each is whole."""
    keys = set()
    for path in store:
        key, digest = path.stem.split("-")
        assert store.get(key).sha256 == digest
        keys.add(key)
    return keys


@pytest.mark.harm("kills")
@pytest.mark.usefixtures("project")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_killed_runs_complete_without_computing_a_shard_twice(tmp_path, monkeypatch, caplog, record_property):
    video = np.concatenate([VIDEO ^ np.uint8(n) for n in range(SHARDS * 4 // 10)])
    written(Path("data/clips/small"), list(range(4, SHARDS * 4, 4)), video)
    diary, chance = tmp_path / "diary", random.Random(0)
    monkeypatch.setenv("TRAJPROBE_STORE", str(tmp_path / "unbroken"))
    begun = time.monotonic()
    assert os.waitpid(child(diary), 0)[1] == 0
    duration = time.monotonic() - begun
    unbroken = files(OUT)
    assert len(unbroken) == SHARDS + 1

    kills = 0
    while kills < KILLS:
        monkeypatch.setenv("TRAJPROBE_STORE", str(tmp_path / f"broken-{kills}"))
        store, had = Store.here(), set()
        while True:
            diary.write_text("")
            pid = child(diary)
            time.sleep(chance.uniform(0, duration / 3))
            os.kill(pid, signal.SIGKILL)
            status = os.waitpid(pid, 0)[1]
            tried, now = diary.read_text().split(), finished(store)
            assert set(tried).isdisjoint(had)
            assert now >= had
            assert files(OUT) == unbroken  # the old features stay until all new ones are there
            assert all(path == OUT or path.name.startswith(".") for path in FEATURES.iterdir())
            had, kills = now, kills + (status != 0)
            if status == 0 or len(had) == SHARDS or kills >= KILLS:
                break
        diary.write_text("")
        assert os.waitpid(child(diary), 0)[1] == 0
        assert set(diary.read_text().split()).isdisjoint(had)
        assert files(OUT) == unbroken
        assert list(FEATURES.iterdir()) == [OUT]
    assert not any("deleted, and made again" in record.getMessage() for record in caplog.records)
    record_property("times", KILLS)
