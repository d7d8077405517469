"""Clips come back from their shards to the byte, with the marker's places, a shard at a time; or are refused."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import zstandard

from trajprobe.errors import UserError
from trajprobe.files.shards import ShardWriter, decode_shard
from trajprobe.files.video_shards import Clips, open_clips, packed

META = {"tracks": "t1", "scene": {"view": "xy"}, "format": {"frames": 3, "resolution": 4}}
VIDEO = np.random.default_rng(0).integers(0, 256, (7, 3, 4, 5, 3), dtype=np.uint8)
POINTS = np.random.default_rng(1).uniform(0, 4, (7, 3, 2))
CUTS = [4, 6]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Seven clips in shards of 4, 2 and 1."""
    monkeypatch.chdir(tmp_path)
    writer = ShardWriter(Path("data/clips/t3"), META)
    for video, points in zip(np.split(VIDEO, CUTS), np.split(POINTS, CUTS), strict=True):
        writer.add(packed(video, points, META), len(video))
    writer.close()
    return Path("data/clips/t3")


def test_clips_and_places_come_back_as_they_were(folder):
    batches = list(Clips(folder))
    for name, expected in (("video", VIDEO), ("points", POINTS)):
        arrays = [getattr(batch, name) for batch in batches]
        assert [len(array) for array in arrays] == [4, 2, 1]
        assert {array.dtype for array in arrays} == {expected.dtype}
        np.testing.assert_array_equal(np.concatenate(arrays), expected)


def test_a_shard_knows_its_place_and_its_bytes(folder):
    clips = Clips(folder)
    assert (len(clips), clips.meta) == (7, META)
    for number, start in enumerate((0, 4, 6)):
        batch = clips[number]
        data = (folder / f"{number:05d}.safetensors").read_bytes()
        assert (batch.start, batch.sha256) == (start, hashlib.sha256(data).hexdigest())
        assert clips.shards[number] == {
            "file": f"{number:05d}.safetensors",
            "items": len(batch.video),
            "sha256": batch.sha256,
        }


def test_the_same_clips_are_the_same_shard_wherever_they_lie_in_memory():
    data = packed(VIDEO, POINTS, META)
    assert packed(np.asfortranarray(VIDEO), POINTS.copy(), dict(reversed(META.items()))) == data
    assert packed(VIDEO[::-1], POINTS, META) != data


def test_each_clip_is_one_zstd_frame():
    arrays = decode_shard(packed(VIDEO, POINTS, META))
    assert arrays["shape"].tolist() == [3, 4, 5, 3]
    second = arrays["zstd"][arrays["ends"][0] : arrays["ends"][1]].tobytes()
    assert zstandard.ZstdDecompressor().decompress(second) == VIDEO[1].tobytes()


def test_one_shard_is_read_without_the_others(folder):
    (folder / "00000.safetensors").unlink()
    np.testing.assert_array_equal(Clips(folder)[1].video, VIDEO[4:6])
    with pytest.raises(UserError, match=r"00000\.safetensors: cannot be read"):
        list(Clips(folder))


def test_a_damaged_shard_is_refused(folder):
    path = folder / "00002.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"00002\.safetensors: .*sha256 differs"):
        Clips(folder)[2]


def test_clips_are_opened_by_the_name_of_their_format(folder):
    assert open_clips("t3").meta == META
    with pytest.raises(UserError, match="data/clips/t9: is missing; `dvc repro render@t9` renders it"):
        open_clips("t9")
