"""Pictures of a row: strips that hold its clips to the pixel, places of the blob, and what its codes look like."""

import contextlib
import io

import numpy as np
import pytest
from PIL import Image

from trajprobe.errors import UserError
from trajprobe.files.atomic import write_bytes
from trajprobe.pictures.files import Pictures, RowPictures, Weights
from trajprobe.pictures.making import FRAMES, SIDE, _of_weights, code_maps, strip


def opened(data):
    return np.asarray(Image.open(io.BytesIO(data)))


def clip(frames, side):
    return np.random.default_rng(0).integers(0, 256, (frames, side, side, 3), dtype=np.uint8)


def test_a_strip_holds_all_frames_to_the_pixel_side_by_side():
    video = clip(5, 16)
    picture = opened(strip(video))
    assert picture.shape == (16, 80, 3)
    for number, frame in enumerate(video):
        assert (picture[:, 16 * number : 16 * (number + 1)] == frame).all()


def test_large_frames_are_shrunk_to_their_means():
    video = np.repeat(np.repeat(clip(2, SIDE), 2, axis=1), 2, axis=2)
    assert (opened(strip(video))[:, :SIDE] == clip(2, SIDE)[0]).all()


def test_the_same_clip_gives_the_same_bytes():
    assert strip(clip(3, 20)) == strip(clip(3, 20))
    assert FRAMES > 3


def test_a_code_has_one_colour_and_stands_where_its_pixels_and_frames_are():
    codes = np.zeros((1, 2, 2, 2), dtype=np.int64)
    codes[0, 1, 0, 1] = 7
    picture = code_maps(codes, (5, 8, 8))[0]  # the first token stands for one frame, the second for four
    ground = picture[0, 0, 0]
    changed = (picture != ground).any(axis=-1)
    expected = np.zeros((5, 8, 8), dtype=bool)
    expected[1:, :4, 4:] = True
    assert (changed == expected).all()
    assert len(np.unique(picture[changed], axis=0)) == 1


def test_tokens_that_all_stand_for_as_many_frames_are_spread_evenly():
    codes = np.arange(2)[np.newaxis, :, np.newaxis, np.newaxis]
    picture = code_maps(codes, (4, 1, 1))[0, :, 0, 0]
    assert (picture[0] == picture[1]).all()
    assert (picture[2] == picture[3]).all()
    assert (picture[1] != picture[2]).any()


def test_places_and_facts_are_read_as_they_were_written(tmp_path):
    pictures = Pictures(tmp_path)
    places = np.array([[[0.5, 0.25], [-1.0, 2.0]]])
    facts = RowPictures(
        frames=2, resolution=8, radius=0.05, shown=[0, 1], inputs=["plain"], examples={"0": 0},
        weights=[Weights("net/0", "a" * 64)],
    )  # fmt: skip
    pictures.save(facts, places)
    assert pictures.facts == facts
    assert pictures.places == pytest.approx(places, abs=1e-3)
    (tmp_path / "row.json").write_text("{}")
    with pytest.raises(UserError, match="damaged"):
        _ = pictures.facts


def test_a_damaged_strip_is_refused_and_so_is_one_that_was_not_there_when_the_facts_were_written(tmp_path):
    pictures = Pictures(tmp_path)
    write_bytes(pictures.clip("plain", "0"), b"a picture")
    facts = RowPictures(frames=2, resolution=8, radius=0.05, shown=[0], inputs=["plain"], examples={"0": 0})
    pictures.save(facts, np.zeros((1, 2, 2)))
    assert pictures.strip(pictures.clip("plain", "0")) == b"a picture"
    pictures.clip("plain", "0").write_bytes(b"a pictura")
    with pytest.raises(UserError, match=r"0\.webp: is damaged \(sha256 differs\); delete .* and run `dvc checkout"):
        pictures.strip(pictures.clip("plain", "0"))
    write_bytes(pictures.clip("plain", "1"), b"another")
    with pytest.raises(UserError, match="is damaged"):
        pictures.strip(pictures.clip("plain", "1"))
    with pytest.raises(UserError, match="is not there"):
        pictures.strip(pictures.clip("plain", "2"))


@pytest.mark.parametrize(
    ("provenance", "origin"),
    [
        ({"pretrain": {}, "seed": 2}, "trained by the recipe `pretrain.net`, seed 2"),
        ({"source": {"package": "net", "version": "1.0"}}, "Python package net 1.0"),
        ({"source": {"repository": "a/b", "revision": "c"}}, "huggingface.co/a/b, revision c"),
        ({"made_by": "my script"}, "my script"),
    ],
)
def test_weights_say_where_they_come_from(provenance, origin):
    from pathlib import Path

    of = _of_weights(Path("data/weights/net/2"), provenance | {"sha256": "a", "licence": "MIT"})
    assert of == Weights("net/2", "a", "MIT", origin)


def test_the_stage_shows_clips_inputs_and_tokens_of_a_row(reproduced):
    with contextlib.chdir(reproduced.folder):
        facts = Pictures.of("magvit2-tiny").facts
        inputs = ["plain", "shuffled-frames", "middle-frame", "clutter-1"]
        assert (facts.frames, facts.resolution, facts.inputs) == (9, 16, inputs)
        assert [weights.name for weights in facts.weights] == ["magvit2-tiny/0", "magvit2-tiny/1"]
        assert len(facts.examples) == 10
        assert len(facts.tokens) == 4
        strips = [opened(Pictures.of("magvit2-tiny").clip(shown, "3").read_bytes()) for shown in facts.inputs]
        frames = [strip.reshape(16, 9, 16, 3).transpose(1, 0, 2, 3) for strip in strips]
        assert sorted(map(bytes, frames[0])) == sorted(map(bytes, frames[1]))  # shuffled
        assert all((frame == frames[0][4]).all() for frame in frames[2])
        assert (frames[3] != frames[0]).any(axis=(1, 2, 3)).all()
        # Of other rows than the primary one the page shows neither perturbed inputs nor tokens.
        other, control = Pictures.of("magvit2-tiny-shuffled").facts, Pictures.of("pixels").facts
        assert (other.inputs, other.tokens, [weights.name for weights in other.weights]) == (
            ["plain"],
            [],
            ["magvit2-tiny-shuffled/0", "magvit2-tiny-shuffled/1"],
        )
        assert (control.inputs, control.weights) == (["plain"], [])
        assert np.abs(Pictures.of("pixels").places - 0.5).max() <= 0.5
        # The blob is where the places say: the brightest pixel of a frame.
        place = Pictures.of("magvit2-tiny").places[facts.examples["3"]]
        for frame, (x, y) in zip(frames[0], place, strict=True):
            row, column = np.unravel_index(frame[..., 0].argmax(), (16, 16))
            assert abs(column + 0.5 - 16 * x) <= 0.75
            assert abs(row + 0.5 - 16 * y) <= 0.75
