"""Runs that are killed at any moment go on where they stopped; KILLS=200 asks for more kills than the default."""

import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from small import ROW, VIDEO, built, written
from trajprobe.features.encoder import FeatureMaker

from trajprobe.backbones import weights
from trajprobe.features import networks
from trajprobe.files.store import Store
from trajprobe.rows import Backbone

KILLS = int(os.environ.get("KILLS", "12"))
VALUES = {
    "compute": {"threads": 1, "instruction_set": "native"},
    "features": {"microbatch": 4, "memory": 1},
}
OUT = Path("data/features/pretrained/a-row")
SHARDS = 40


def run():
    networks.pretrained(VALUES, Backbone(**ROW | {"weights": "w"}), "pretrained", "a-row")


def child(diary):
    """A process of its own that runs it, and writes down each shard that it begins."""
    if pid := os.fork():
        return pid
    try:
        make = FeatureMaker.make

        def told(encoder, task, *rest):
            with diary.open("a") as file:
                file.write(f"{task.key}\n")
            return make(encoder, task, *rest)

        FeatureMaker.make = told
        FeatureMaker.forecast = lambda *_: "untold"
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stderr.fileno())
        run()
    except BaseException:  # noqa: BLE001 (the parent sees the status)
        os._exit(1)
    os._exit(0)


def finished(store):
    """Keys of the shards that stand under their final names: each is whole."""
    found = set()
    for path in store:
        key, digest = path.stem.split("-")
        assert store.get(key).sha256 == digest
        found.add(key)
    return found


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_killed_runs_complete_without_computing_a_shard_twice(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TRAJPROBE_DEVICE", raising=False)
    video = np.concatenate([VIDEO ^ np.uint8(n) for n in range(SHARDS * 4 // 10)])
    written(Path("data/clips/small"), list(range(4, SHARDS * 4, 4)), video)
    weights.save(Path("data/weights/w"), built(7), {"trained_frames": 17})
    diary, chance = tmp_path / "diary", random.Random(0)
    monkeypatch.setenv("TRAJPROBE_STORE", str(tmp_path / "unbroken"))
    begun = time.monotonic()
    assert os.waitpid(child(diary), 0)[1] == 0
    whole = time.monotonic() - begun
    unbroken = {path.name: path.read_bytes() for path in OUT.iterdir()}
    assert len(unbroken) == SHARDS + 1

    kills = 0
    while kills < KILLS:
        monkeypatch.setenv("TRAJPROBE_STORE", str(tmp_path / f"broken-{kills}"))
        store, had = Store.here(), set()
        for path in OUT.parent.iterdir():
            assert path == OUT or path.name.startswith(".")
        while True:
            diary.write_text("")
            pid = child(diary)
            time.sleep(chance.uniform(0, whole / 3))
            os.kill(pid, signal.SIGKILL)
            status = os.waitpid(pid, 0)[1]
            tried, now = diary.read_text().split(), finished(store)
            assert set(tried).isdisjoint(had)
            assert now >= had
            had, kills = now, kills + (status != 0)
            if status == 0 or len(had) == SHARDS or kills >= KILLS:
                break
        diary.write_text("")
        assert os.waitpid(child(diary), 0)[1] == 0
        assert set(diary.read_text().split()).isdisjoint(had)
        assert {path.name: path.read_bytes() for path in OUT.iterdir()} == unbroken
    assert "its bytes are not those that were written" not in caplog.text
