"""`trajprobe clips show`: the clips are those of a run, with their names, in each kind of file."""

import io
import stat

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from trajprobe.cli import commands
from trajprobe.clips.scene import draw, framing, place
from trajprobe.clips.sections import rendering_of
from trajprobe.data import folds, raw, synthetic
from trajprobe.errors import UserError
from trajprobe.features.perturbations import INPUTS
from trajprobe.figures import clips
from trajprobe.figures.clips import ClipChoice, save_clips

VALUES = {
    "dataset": "synthetic",
    "synthetic": {
        "clips": 60, "pool": 1, "points": 20, "tilt": 0.5, "noise": 0.008, "seed": 0, "pool_seed": 1,
    },
    "prepare": {
        "folds": 2, "seed": 0, "duplicates": "keep", "shared_runs": "keep", "guards": "stop", "pool": "auto",
    },
    "render": {"scaling": "dataset", "time": "normalised", "margin": 0.1},
    "scenes": {"default": {}, "busy": {"clutter": {"level": 1, "noise": 0.2, "objects": 3}}},
    "clips": {"t5": {"frames": 5, "resolution": 16}, "t5-busy": {"frames": 5, "resolution": 16, "scene": "busy"}},
}  # fmt: skip


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def of_a_run(name, rows, values=VALUES):
    """The clips [b t h w c] of some tracks, all of the set drawn as a run does."""
    params = synthetic.Synthetic(**values["synthetic"])
    source = raw.check(synthetic.arrays(params.clips, params, params.seed), "synthetic")
    tracks, labelling = folds.prepare(source, folds.Prepare(**values["prepare"]), "synthetic")
    drawn = rendering_of(values, name)
    video = draw(place(tracks, framing(tracks, drawn.placement), drawn), drawn)
    return video[rows], labelling


def tiles(picture, video):
    """The frames [b t h w c] that a contact sheet shows of clips like `video`."""
    factor = clips.TILE // video.shape[2]
    side = clips.TILE + clips.GAP
    left = picture.shape[1] - video.shape[1] * side
    rows = [picture[clips.GAP + row * side :][: clips.TILE] for row in range(len(video))]
    frames = [[row[:, left + t * side :][:, : clips.TILE] for t in range(video.shape[1])] for row in rows]
    return np.array(frames)[:, :, ::factor, ::factor]


@pytest.mark.parametrize("name", ["t5", "t5-busy"])
def test_a_sheet_has_the_pixels_of_the_first_clip_of_each_class(tmp_path, name):
    told = save_clips(VALUES, name, tmp_path / "x.png", ClipChoice())
    _, labelling = of_a_run(name, [0])
    rows = np.unique(labelling.labels, return_index=True)[1]
    video, _ = of_a_run(name, rows)
    np.testing.assert_array_equal(tiles(np.array(Image.open(tmp_path / "x.png")), video), video)
    assert told == f"{tmp_path / 'x.png'}: {len(rows)} clips {name} of synthetic"


def test_a_class_a_track_a_scene_a_level_and_a_perturbation_are_chosen(tmp_path):
    def shown(name, choice, perturb=None):
        save_clips(VALUES, name, tmp_path / "x.png", choice, perturb)
        return np.array(Image.open(tmp_path / "x.png"))

    video, labelling = of_a_run("t5-busy", [17])
    np.testing.assert_array_equal(tiles(shown("t5-busy", ClipChoice(track=17)), video), video)
    assert save_clips(VALUES, "t5", tmp_path / "x.png", ClipChoice(track=17)).endswith("x.png: 1 clip t5 of synthetic")
    np.testing.assert_array_equal(tiles(shown("t5", ClipChoice(track=17, scene="busy")), video), video)
    plain, _ = of_a_run("t5", [17])
    np.testing.assert_array_equal(tiles(shown("t5-busy", ClipChoice(track=17, level=0.0)), plain), plain)
    louder = VALUES | {"scenes": {"default": {}, "busy": {"clutter": {"level": 2, "noise": 0.2, "objects": 3}}}}
    loud, _ = of_a_run("t5-busy", [17], louder)
    np.testing.assert_array_equal(tiles(shown("t5-busy", ClipChoice(track=17, level=2.0)), loud), loud)
    backwards = shown("t5-busy", ClipChoice(track=17), INPUTS["reversed"])
    np.testing.assert_array_equal(tiles(backwards, video), video[:, ::-1])
    label = labelling.names[3]
    rows = np.flatnonzero(labelling.labels == 3)[: clips.CLIPS]
    assert clips._names(labelling, ClipChoice(label=str(label)), rows)[:2] == [f"track {row}" for row in rows[:2]]
    assert clips._names(labelling, ClipChoice(track=17), np.array([17])) == [labelling.names[labelling.labels[17]]]
    of_class, _ = of_a_run("t5", rows)
    np.testing.assert_array_equal(tiles(shown("t5", ClipChoice(label=str(label))), of_class), of_class)


@pytest.mark.parametrize("ending", ["gif", "webp"])
def test_an_animation_moves_and_starts_over(tmp_path, ending):
    path = tmp_path / f"x.{ending}"
    save_clips(VALUES, "t5", path, ClipChoice(track=4))
    video, _ = of_a_run("t5", [4])
    with Image.open(path) as image:
        assert image.n_frames == 5
        assert image.info["loop"] == 0
        for frame in range(5):
            image.seek(frame)
            shown = np.array(image.convert("RGB"))[clips.GAP :, clips.GAP :][:128:8, :128:8]
            assert np.abs(shown.astype(int) - video[0, frame]).max() <= (0 if ending == "webp" else 8)


def test_names_are_drawn_smaller_or_cut_never_over_the_edge():
    video = np.zeros((4, 2, 16, 16, 3), np.uint8)
    for make in (clips.sheet, lambda *arguments: clips.grid(*arguments)[0]):
        short, long = (make(video, [letter * count for letter in "abcd"]) for count in (3, 200))
        assert (short != 255).any()
        assert (long[:, :2] == 255).all()
        assert (long[:, -clips.GAP :] == 255).all()


def test_an_mp4_needs_ffmpeg_and_is_made_by_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setitem(__import__("sys").modules, "imageio_ffmpeg", None)
    with pytest.raises(UserError, match=r"x\.mp4: an \.mp4 needs ffmpeg, which is not here; write a \.webp, or"):
        save_clips(VALUES, "t5", tmp_path / "x.mp4", ClipChoice())
    program = tmp_path / "bin/ffmpeg"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nfor last; do :; done\n/bin/cat > "$last"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    save_clips(VALUES, "t5", tmp_path / "x.mp4", ClipChoice())
    save_clips(VALUES, "t5", tmp_path / "x.webp", ClipChoice())
    with Image.open(io.BytesIO((tmp_path / "x.webp").read_bytes())) as image:
        frames = []
        for frame in range(image.n_frames):
            image.seek(frame)
            frames.append(np.array(image.convert("RGB")))
    assert (tmp_path / "x.mp4").read_bytes() == np.stack(frames).tobytes()
    assert not frames[0].shape[0] % 2
    assert not frames[0].shape[1] % 2
    program.write_text("#!/bin/sh\necho no such codec >&2\nexit 1\n")
    with pytest.raises(UserError, match=r"could not write the \.mp4 \(no such codec\); write a \.webp"):
        save_clips(VALUES, "t5", tmp_path / "x.mp4", ClipChoice())


@pytest.mark.parametrize(("name", "out", "choice", "words"), [
    ("t6", "x.png", ClipChoice(), "NAME: got 't6', expected one of t5, t5-busy; these are the formats"),
    ("t5", "x.jpg", ClipChoice(), "x.jpg', expected a name that ends in .png, .gif, .webp or .mp4"),
    ("t5", "x", ClipChoice(), "x', expected a name that ends in .png"),
    ("t5", "x.png", ClipChoice(label="curly"), "--class: got 'curly', expected one of linear, "),
    ("t5", "x.png", ClipChoice(track=60), "--track: got '60', expected a whole number from 0 to 59"),
    ("t5", "x.png", ClipChoice(scene="night"), "--scene: got 'night', expected one of default, busy"),
    ("t5", "x.png", ClipChoice(track=3, label="linear"), "--class: got 'linear' with --track, which names one track"),
    ("t5", "x.png", ClipChoice(level=2.0), "--level: got '2', but scene default has no clutter"),
    ("t5-busy", "x.png", ClipChoice(scene="default", level=0.5), "--level: got '0.5', but scene default has no"),
])  # fmt: skip
def test_what_is_not_there_is_refused(tmp_path, name, out, choice, words):
    with pytest.raises(UserError) as caught:
        save_clips(VALUES, name, tmp_path / out, choice)
    assert words in str(caught.value)
    assert not (tmp_path / out).exists()


def test_an_unknown_perturbation_is_refused():
    result = CliRunner().invoke(commands, ["clips", "show", "t5", "--out", "x.png", "--perturbation", "upside-down"])
    assert isinstance(result.exception, UserError)
    assert str(result.exception).startswith("--perturbation: got 'upside-down', expected one of plain, reversed, shuf")
