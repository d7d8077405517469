"""Shards are intact or refused."""

import json

import numpy as np
import pytest
from safetensors import safe_open

from trajprobe.errors import UserError
from trajprobe.files.atomic import sha256
from trajprobe.files.checked_json import write_checked_json
from trajprobe.files.shards import Shards, ShardWriter, encode_shard

META = {"recipe": "abc", "b": 1, "a": [2]}


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def shards(tmp_path):
    """A folder of two shards, and the arrays in them."""
    generator = np.random.default_rng(0)
    arrays = [
        {"x": generator.normal(size=(3, 4)), "n": np.arange(3)},
        {"x": generator.normal(size=(2, 4)).T[::2], "n": np.arange(2)},  # not contiguous
    ]
    writer = ShardWriter(tmp_path / "shards", META)
    for i, part in enumerate(arrays):
        writer.add(encode_shard(part, META | {"clips": f"clips {i}"}), len(part["n"]))
    writer.close()
    return tmp_path / "shards", arrays


def test_shards_come_back_as_they_were_written(shards):
    folder, arrays = shards
    back = list(Shards(folder))
    assert len(Shards(folder)) == 5
    assert len(back) == len(arrays)
    for got, expected in zip(back, arrays, strict=True):
        assert got.keys() == expected.keys()
        for name, array in expected.items():
            assert got[name].dtype == array.dtype
            np.testing.assert_array_equal(got[name], array)


def test_the_meta_of_the_folder_and_of_each_shard_are_kept(shards):
    folder, _ = shards
    assert Shards(folder).meta == META
    for i in range(2):
        with safe_open(folder / f"0000{i}.safetensors", "numpy") as file:
            assert json.loads(file.metadata()["meta"]) == META | {"clips": f"clips {i}"}


def test_the_same_arrays_give_the_same_shards_to_the_byte(tmp_path):
    arrays = {name: np.arange(3) for name in "gfedcba"}  # enough for an order by hash to show
    for name, order in (("one", "abcdefg"), ("two", "gbcdefa")):
        meta = {key: ord(key) for key in order}
        writer = ShardWriter(tmp_path / name, meta)
        writer.add(encode_shard({key: arrays[key] for key in order}, meta), 3)
        writer.close()
    assert files(tmp_path / "one") == files(tmp_path / "two")


@pytest.mark.harm("damage")
@pytest.mark.parametrize("at", [0, 8, 200, -1])
def test_a_flipped_bit_in_a_shard_is_refused(shards, at):
    folder, _ = shards
    path = folder / "00001.safetensors"
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    with pytest.raises(
        UserError, match=r"00001\.safetensors: is damaged .sha256 differs.; .*`dvc checkout.*`dvc repro`"
    ):
        list(Shards(folder))


@pytest.mark.harm("damage")
@pytest.mark.parametrize("keep", [0, 7, -1])
def test_a_truncated_shard_is_refused(shards, keep):
    folder, _ = shards
    path = folder / "00000.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(
        UserError, match=r"00000\.safetensors: is damaged .sha256 differs.; .*`dvc checkout.*`dvc repro`"
    ):
        next(iter(Shards(folder)))


def test_a_missing_shard_is_refused(shards):
    folder, _ = shards
    (folder / "00001.safetensors").unlink()
    with pytest.raises(UserError, match=r"00001\.safetensors: cannot be read.*`dvc checkout.*`dvc repro`"):
        list(Shards(folder))


def test_a_shard_is_verified_anew_each_time_it_is_read(shards):
    folder, _ = shards
    opened = Shards(folder)
    list(opened)
    (folder / "00000.safetensors").write_bytes(b"other")
    with pytest.raises(UserError, match="00000"):
        list(opened)


def test_a_file_that_is_no_safetensors_is_refused_even_with_its_right_checksum(shards):
    folder, _ = shards
    writer = ShardWriter(folder, META)
    writer.add(b"not a tensor", 3)
    writer.close()
    with pytest.raises(UserError, match=r"00000\.safetensors: is no safetensors file"):
        list(Shards(folder))


@pytest.mark.harm("damage")
def test_any_flipped_bit_in_a_manifest_is_refused(shards):
    path = shards[0] / "manifest.json"
    data = path.read_bytes()
    for at, byte in enumerate(data):
        if chr(byte).isspace():  # JSON allows any white space
            continue
        path.write_bytes(data[:at] + bytes([byte ^ 1]) + data[at + 1 :])
        with pytest.raises(
            UserError,
            match=r"manifest\.json: is (no valid JSON|damaged).*; delete \S* and run `dvc checkout .*cache verify`",
        ):
            Shards(shards[0])


def test_a_folder_without_a_manifest_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"manifest\.json: is not there"):
        Shards(tmp_path)


def test_a_linked_shard_is_the_same_file_under_another_name(tmp_path):
    data = encode_shard({"x": np.arange(3)}, {})
    (tmp_path / "kept").write_bytes(data)
    writer = ShardWriter(tmp_path / "shards", {})
    (tmp_path / "shards").mkdir()
    writer.link(tmp_path / "kept", sha256(data), 3)
    writer.close()
    assert (tmp_path / "shards/00000.safetensors").samefile(tmp_path / "kept")
    (arrays,) = Shards(tmp_path / "shards")
    np.testing.assert_array_equal(arrays["x"], [0, 1, 2])


@pytest.mark.parametrize("changes", [
    {"shards": [{"file": "../../x.safetensors", "items": 1, "sha256": ""}]},
    {"shards": [{"file": "00000.safetensors", "items": -1, "sha256": ""}]},
    {"shards": [{"file": "00000.safetensors"}]},
    {"shards": {}},
    {"shards": None},
    {"meta": []},
])  # fmt: skip
def test_a_manifest_that_is_none_is_refused_even_with_the_right_checksum(tmp_path, changes):
    manifest = {"meta": {}, "shards": []} | changes
    write_checked_json(tmp_path / "manifest.json", manifest)
    with pytest.raises(UserError, match=r"manifest\.json: is damaged; delete"):
        Shards(tmp_path)


def test_a_manifest_of_a_list_is_refused(tmp_path):
    (tmp_path / "manifest.json").write_text("[]")
    with pytest.raises(UserError, match=r"manifest\.json: is damaged"):
        Shards(tmp_path)
