"""Features are taken from the store where they are the same to the bit, and computed where they are not."""

from pathlib import Path

import numpy as np
import pytest
from small import COMPUTE, VIDEO, built, files, maker, place, values, written

from trajprobe.backbones import weights
from trajprobe.errors import UserError
from trajprobe.features.extract import extract
from trajprobe.files.feature_shards import read
from trajprobe.files.shards import Shards
from trajprobe.files.store import Store

pytestmark = pytest.mark.usefixtures("project")
OUT = place("trained")


def run(row="trained", **changes):
    extract(values(**changes), row)
    return files(Path("data/features") / row)


def test_a_second_run_computes_nothing_and_links_the_same_files(encoded, store_folder):
    first = run()
    assert encoded() == 12  # 6 and 4 clips, in microbatches of 4
    inodes = {path.stat().st_ino for path in OUT.glob("*.safetensors")}
    assert inodes == {path.stat().st_ino for path in Store(store_folder)}
    assert len(inodes) == 2
    assert run() == first
    assert encoded() == 0


def test_a_row_of_the_same_network_computes_nothing(encoded):
    first = run()
    encoded()
    other = run("net")
    assert encoded() == 24  # of its two random networks
    assert {name: other[name] for name in first} == first


@pytest.mark.parametrize(
    "changes",
    [
        {"microbatch": 5},
        {"compute": COMPUTE | {"threads": 1}},
        {"layer": "latents"},
        {"pooling": "mean"},
        {"precision": "bfloat16"},
        {"clips": "even"},
    ],
)
def test_another_recipe_never_meets_old_bytes(encoded, changes):
    run()
    encoded()
    run(**changes)
    assert encoded() >= 10


@pytest.mark.parametrize(
    ("where", "what"),
    [
        ("trajprobe.features.plan.device_kind", lambda _: "cuda-sm_90"),
        ("trajprobe.features.plan.code_hash", lambda _: "edited"),
        ("torch.__version__", "9.9.9"),
    ],
)
def test_another_device_kind_code_or_torch_never_meets_old_bytes(encoded, monkeypatch, where, what):
    before = run()
    encoded()
    monkeypatch.setattr(where, what)
    assert set(run().values()).isdisjoint(before.values())
    assert encoded() == 12


def test_other_weights_and_other_clips_never_meet_old_bytes(encoded):
    run()
    encoded()
    weights.save(Path("data/weights/w"), built(8), {"trained_frames": 17})
    run()
    assert encoded() == 12
    changed = VIDEO.copy()
    changed[7, 2, 3, 3, 1] ^= 1  # in the second shard
    written(Path("data/clips/small"), [6], changed)
    run()
    assert encoded() == 4


def test_more_clips_cost_the_new_ones_and_the_shard_they_fill_up(encoded):
    video = np.concatenate([VIDEO, VIDEO[::-1]])
    written(Path("data/clips/small"), [4, 8], video[:10])
    run()
    assert encoded() == 12
    written(Path("data/clips/small"), [4, 8, 12, 16], video)
    run()
    assert encoded() == 12  # of shards of 4: the third, which had 2, and two more
    assert len(Shards(OUT)) == 20


def test_random_seeds_are_not_taken_for_one_another(encoded):
    run("net", weights="random")
    assert encoded() == 24
    run("net", weights="random", seeds=3)
    assert encoded() == 12


def test_a_damaged_shard_in_the_store_is_computed_again(encoded, store_folder, caplog):
    first = run()
    encoded()
    path = sorted(Store(store_folder))[0]
    links = [path.samefile(OUT / f"{number:05d}.safetensors") for number in range(2)]
    count = Shards(OUT).shards[links.index(True)]["items"]
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.unlink()  # a file of its own: the folder's link would change with it
    path.write_bytes(data)
    assert run() == first
    assert str(path) in caplog.text
    assert encoded() == -(-count // 4) * 4


def test_a_worker_of_another_kind_is_refused():
    worker = maker()
    task = worker.tasks()[0]
    worker.view_recipes = [worker.view_recipes[0] | {"device": "cuda-sm_90"}]
    with pytest.raises(
        UserError, match=r"a worker of cuda-sm_90, torch .* would give other features than this machine"
    ):
        worker.make(task, worker.read(task), Store.here(), lambda _: None)


def test_progress_is_reported_for_clips_and_not_for_padding():
    worker, counts = maker(), []
    for task in worker.tasks():
        worker.make(task, worker.read(task), Store.here(), counts.append)
    assert counts == [4, 2, 4]


def test_features_read_the_same_through_links():
    run()
    features, _ = read(OUT)
    assert features.shape == (10, 2, 8)
