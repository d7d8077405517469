"""Features are taken from the store where they are the same to the bit, and computed where they are not."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from small import ARCHITECTURE, ROW, VIDEO, built, setting, written
from trajprobe.features.encoder import FeatureMaker
from trajprobe.features.encoding import pack, unpack

from trajprobe.backbones import magvit2_tiny, weights
from trajprobe.errors import UserError
from trajprobe.features import networks
from trajprobe.files.feature_shards import read
from trajprobe.files.shards import Shards
from trajprobe.files.store import Store
from trajprobe.files.video_shards import Clips
from trajprobe.rows import Backbone, Untrained

VALUES = {
    "compute": {"threads": 2, "instruction_set": "native"},
    "features": {"microbatch": 4, "memory": 1},
    "random_init": {"seeds": 2},
}
OUT = Path("data/features/pretrained/a-row")

pytestmark = pytest.mark.usefixtures("project")


def run(**changed):
    networks.pretrained(VALUES, Backbone(**ROW | {"weights": "w"} | changed), "pretrained", "a-row")
    return {path.name: path.read_bytes() for path in OUT.iterdir()}


def test_a_second_run_computes_nothing_and_links_the_same_files(encoded, store_folder):
    first = run()
    assert encoded() == 12  # 6 and 4 clips, in microbatches of 4
    inodes = [path.stat().st_ino for path in sorted(OUT.glob("*.safetensors"))]
    assert inodes == [shard.stat().st_ino for name in first for shard in links(store_folder, name)]
    assert run() == first
    assert encoded() == 0
    networks.pretrained(VALUES, Backbone(**ROW | {"weights": "w"}), "pretrained", "another")
    assert encoded() == 0
    assert {path.name: path.read_bytes() for path in OUT.with_name("another").iterdir()} == first


def links(store_folder, name):
    return [path for path in Store(store_folder) if (OUT / name).exists() and path.samefile(OUT / name)]


@pytest.mark.parametrize(
    ("values", "changed"),
    [
        ({"features": {"microbatch": 5, "memory": 1}}, {}),
        ({"compute": {"threads": 1, "instruction_set": "native"}}, {}),
        ({}, {"layer": "latents"}),
        ({}, {"pooling": "mean"}),
        ({}, {"precision": "bfloat16"}),
        ({}, {"clips": "even"}),
    ],
)
def test_another_recipe_never_meets_old_bytes(encoded, values, changed):
    run()
    encoded()
    networks.pretrained(VALUES | values, Backbone(**ROW | {"weights": "w"} | changed), "pretrained", "a-row")
    assert encoded() >= 10


@pytest.mark.parametrize(
    ("where", "what"),
    [
        ("trajprobe.features.setting.device_kind", lambda _: "cuda-sm_90"),
        ("trajprobe.features.setting.closure_hash", lambda _: "edited"),
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
    row = Untrained(**ROW)
    networks.random(VALUES, row, "a-row")
    assert encoded() == 24
    networks.random(VALUES | {"random_init": {"seeds": 3}}, row, "a-row")
    assert encoded() == 12


def test_a_damaged_shard_in_the_store_is_computed_again(encoded, store_folder, caplog):
    first = run()
    encoded()
    path = sorted(Store(store_folder))[0]
    count = Shards(OUT).shards[[path.samefile(OUT / f"0000{i}.safetensors") for i in range(2)].index(True)]["items"]
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.unlink()  # a file of its own: the folder's link would change with it
    path.write_bytes(data)
    assert run() == first
    assert f"{path}: its bytes are not those that were written; deleted, and made again" in caplog.text
    assert encoded() == -(-count // 4) * 4


def test_a_worker_of_another_kind_is_refused(monkeypatch):
    row = setting(Clips(Path("data/clips/small")), 4)
    encoder = FeatureMaker(row, built(), {})
    task = encoder.tasks()[0]
    encoder.recipe = encoder.recipe | {"device": "cuda-sm_90"}
    with pytest.raises(UserError, match=r"a worker of cuda-sm_90, torch .* would make other bits than were asked for"):
        encoder.make(task, encoder.read(task), Store.here(), lambda _: None)


@pytest.mark.parametrize("workers", ["2", "4"])
def test_any_number_of_workers_gives_the_same_bytes(monkeypatch, workers, tmp_path):
    monkeypatch.setenv("TRAJPROBE_STORE", str(tmp_path / "one"))
    written(Path("data/clips/small"), [2, 4, 6, 8])
    alone = run()
    monkeypatch.setenv("TRAJPROBE_STORE", str(tmp_path / "several"))
    monkeypatch.setenv("TRAJPROBE_WORKERS", workers)
    with torch.device("cpu"):
        assert run() == alone
    assert len(list(Store.here())) == 5


@pytest.mark.parametrize(
    ("layer", "others"),
    [
        ("hidden", [("hidden", "mean"), ("hidden", "tdiff"), ("hidden", "flatten")]),
        ("codes", [("codes", "mean"), ("histogram", "tmean"), ("histogram", "flatten")]),
    ],
)
def test_kept_tokens_make_another_pooling_free_and_the_same(encoded, monkeypatch, tmp_path, layer, others):
    without = {other: run(layer=other[0], pooling=other[1]) for other in [(layer, "tmean"), *others]}
    monkeypatch.setenv("TRAJPROBE_STORE", str(tmp_path / "keeping"))
    monkeypatch.setenv("TRAJPROBE_KEEP_TOKENS", "1")
    encoded()
    assert run(layer=layer) == without[layer, "tmean"]
    assert encoded() == 12
    monkeypatch.delenv("TRAJPROBE_KEEP_TOKENS")
    for other in others:
        assert run(layer=other[0], pooling=other[1]) == without[other]
    assert encoded() == 0


def test_codes_are_kept_in_their_bits(monkeypatch, tmp_path, store_folder):
    monkeypatch.setenv("TRAJPROBE_KEEP_TOKENS", "1")
    run(layer="codes")
    kept = []
    for path in Store(store_folder):
        with safe_open(path, "numpy") as file:
            if "codes" in file.keys():  # noqa: SIM118 (no mapping)
                kept.append((file.get_tensor("codes"), json.loads(file.metadata()["meta"])))
    assert sorted(len(codes) for codes, _ in kept) == [4, 6]
    assert {codes.shape[1] for codes, _ in kept} == {2 * 2 * 2 * 4 // 8}  # 2 x 2 x 2 tokens of 4 bits
    network = built(7).eval()
    for codes, meta in kept:
        clips = VIDEO[:6] if len(codes) == 6 else VIDEO[6:]
        with torch.no_grad():
            expected = network.codes(network.encode(magvit2_tiny.preprocess(torch.from_numpy(clips)))).numpy()
        np.testing.assert_array_equal(unpack(codes, 4, (2, 2, 2)), expected)
        assert meta["architecture"] == ARCHITECTURE


@pytest.mark.parametrize(("layer", "size"), [("hidden", 8 * 2 * 2 * 2 * 4), ("codes", 2 * 2 * 2 * 4 / 8)])
def test_what_is_to_be_kept_is_told_first(monkeypatch, layer, size):
    row = dataclasses.replace(setting(Clips(Path("data/clips/small")), 4), row=Untrained(**ROW | {"layer": layer}))
    assert "to keep" not in FeatureMaker(row, built(), {}).forecast(10**6, 2)
    monkeypatch.setenv("TRAJPROBE_KEEP_TOKENS", "1")
    assert FeatureMaker(row, built(), {}).forecast(10**6, 2).endswith(f"; {2 * size:,.1f} MB of tokens to keep")


def test_damaged_latents_are_refused_where_codes_are_kept(monkeypatch):
    monkeypatch.setenv("TRAJPROBE_KEEP_TOKENS", "1")
    network = built(7)
    network.norm_out.bias.data[0] = torch.nan
    row = dataclasses.replace(setting(Clips(Path("data/clips/small")), 4), row=Untrained(**ROW | {"layer": "codes"}))
    encoder = FeatureMaker(row, network, {})
    task = encoder.tasks()[0]
    with pytest.raises(UserError, match="a-row: the network gave values that are not finite"):
        encoder.make(task, encoder.read(task), Store.here(), lambda _: None)


@pytest.mark.parametrize("bits", [1, 4, 11, 18, 31])
def test_packed_codes_come_back(bits):
    codes = np.random.default_rng(0).integers(0, 2**bits, (7, 2, 3, 5))
    packed = pack(codes, bits)
    assert packed.shape == (7, -(-30 * bits // 8))
    whole = int.from_bytes(packed[3].tobytes(), "little")  # one number, whose lowest bits are the first code
    assert [(whole >> bits * i) & (2**bits - 1) for i in range(30)] == codes[3].ravel().tolist()
    np.testing.assert_array_equal(unpack(packed, bits, (2, 3, 5)), codes)


def test_codes_of_the_released_shape_take_18_bits_a_token(tmp_path):
    codes = np.random.default_rng(0).integers(0, 2**18, (256, 2, 16, 16))
    assert pack(codes, 18).shape == (256, 1152)


def test_features_read_the_same_through_links(tmp_path):
    run()
    features, _ = read(OUT)
    assert features.shape == (10, 2, 8)
