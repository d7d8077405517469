"""Clutter: the track's number alone decides it, a level scales it, and nothing of it is shared."""

from dataclasses import replace
from inspect import signature
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from renderings import SCENES, rendering

from trajprobe.clips import clutter, scene, sensor, streams
from trajprobe.clips.clutter import Clutter
from trajprobe.clips.render import render
from trajprobe.clips.sections import rendering_of
from trajprobe.errors import UserError
from trajprobe.files.tracks import Tracks
from trajprobe.files.video_shards import Clips, at_level

#: Everything at once.
FULL = {
    "level": 1.0, "objects": 4, "distractors": 3, "flashes": 2, "occluders": 1.5, "blur": 0.02, "drift": 0.3,
    "noise": 0.05, "drops": 0.2,
}  # fmt: skip


def tracks_of(count, seed=0):
    points = np.random.default_rng(seed).normal(size=(count, 9, 3)).cumsum(axis=1)
    box = np.stack([points.min((0, 1)), points.max((0, 1))])
    return Tracks(points, np.tile(np.arange(9.0), (count, 1)), np.full(count, 9), box)


def video(tracks, drawn, numbers=None):
    return scene.draw(scene.place(tracks, scene.framing(tracks, drawn.placement), drawn, numbers), drawn)


def clutter_alone(count, drawn, numbers=None):
    """Clips without their track, whose marker is out of sight."""
    places = scene.place(tracks_of(count), scene.framing(tracks_of(count), drawn.placement), drawn, numbers)
    far = np.full(places.points.shape, -999.0)
    rest = vars(places) | {"points": far, "path": np.full(places.path.shape, -999.0)}
    return scene.draw(scene.Places(**rest), drawn)


def test_bytes_are_equal_whatever_the_labels_are(tmp_path):
    """Labels have no way in; what a change of theirs could do is to put the tracks into another order."""
    assert not {"label", "labels"} & {*signature(scene.place).parameters, *signature(scene.draw).parameters}
    tracks, drawn = tracks_of(40), rendering(5, 24, clutter=FULL)
    order = np.random.default_rng(1).permutation(40)
    tracks[order].save(tmp_path / "tracks.npz")
    render(tmp_path / "tracks.npz", drawn, tmp_path / "clips", "warn", tmp_path / "found.json")
    (batch,) = Clips(tmp_path / "clips")
    # Track order[i] is now number i: its place is its own, what is in the way is number i's.
    np.testing.assert_array_equal(batch.video, video(tracks[order], drawn, np.arange(40)))
    assert not (video(tracks[order], drawn, order) == batch.video).all()


@pytest.mark.parametrize("name", SCENES)
def test_bytes_are_equal_for_any_part_of_a_set_and_any_chunk(name, monkeypatch):
    tracks, drawn = tracks_of(13), rendering(5, 24, **SCENES[name])
    whole = video(tracks, drawn)
    shared = scene.framing(tracks, drawn.placement)
    for parts in ([5, 13], [1, 2, 3, 13], list(range(1, 14))):
        places = [
            scene.place(tracks[start:end], shared, drawn, np.arange(start, end)) for start, end in pairwise([0, *parts])
        ]
        np.testing.assert_array_equal(np.concatenate([scene.draw(part, drawn) for part in places]), whole)
    for size in (1, 5 * 24 * 24 * 3 * 4):
        monkeypatch.setattr(scene, "CHUNK", size)
        np.testing.assert_array_equal(video(tracks, drawn), whole)


@pytest.mark.parametrize("name", SCENES)
def test_a_shards_key_tells_apart_what_is_drawn_apart_and_nothing_else(name):
    """Of the same tracks under other numbers, and of what is seen but for the marker's places."""
    tracks, drawn = tracks_of(6), rendering(5, 24, **SCENES[name])
    shared = scene.framing(tracks, drawn.placement)
    one, other = (scene.place(tracks, shared, drawn, np.arange(start, start + 6)) for start in (0, 100))
    same = (scene.draw(one, drawn) == scene.draw(other, drawn)).all()
    assert (one.digest(drawn.scene) == other.digest(drawn.scene)) == same
    assert same == (not drawn.scene.clutter.level and not drawn.scene.camera.moves)
    for key in ("points", "path", "nearness", "looks"):
        changed = scene.Places(**vars(one) | {key: getattr(one, key) * 0.5 + 0.25})
        if not (scene.draw(changed, drawn) == scene.draw(one, drawn)).all():
            assert changed.digest(drawn.scene) != one.digest(drawn.scene), key


@pytest.mark.parametrize("name", SCENES)
def test_level_0_has_the_clean_bytes(name):
    tracks, drawn = tracks_of(6), rendering(5, 24, **SCENES[name])
    clean = rendering(5, 24, **{key: part for key, part in SCENES[name].items() if key != "clutter"})
    np.testing.assert_array_equal(video(tracks, drawn.at_level(0)), video(tracks, clean))
    assert drawn.at_level(0).recipe() == clean.recipe()
    if drawn.scene.clutter.level:
        assert not (video(tracks, drawn) == video(tracks, clean)).all()


def test_each_thing_by_itself_changes_clips_and_differs_between_them():
    tracks = tracks_of(30)
    same = Tracks(tracks.points[:1].repeat(30, axis=0), tracks.times, tracks.lengths, tracks.box)
    clean = video(same, rendering(8, 24))
    for key, value in FULL.items():
        if key != "level":
            made = video(same, rendering(8, 24, clutter={"level": 1, key: value}))
            changed = (made != clean).any(axis=(1, 2, 3, 4))
            assert changed.mean() > 0.5, key
            assert len({clip.tobytes() for clip in made[changed]}) > 0.9 * changed.sum() > 10 or key in (
                "blur",
                "drops",
            ), key


def test_a_higher_level_keeps_what_a_lower_one_has():
    of, numbers = msgspec.convert(FULL, Clutter), np.arange(300)
    low, high = (
        clutter.things(msgspec.structs.replace(of, level=level), numbers, "objects", of.objects) for level in (0.5, 2.0)
    )
    assert low.there.sum(axis=1).mean() == pytest.approx(2, abs=0.15)
    assert high.there.sum(axis=1).mean() == pytest.approx(8, abs=0.15)
    count = low.there.shape[1]
    assert (high.there[:, :count] >= low.there).all()
    for key in ("entries", "colours", "u"):
        np.testing.assert_array_equal(getattr(high, key)[:, :count], getattr(low, key))


@pytest.mark.parametrize("motion", ["line", "loop", "walk"])
def test_distractors_move_as_fast_as_they_are_told_and_stay_in_the_frame(motion):
    of = Clutter(level=1, distractors=1, motion=motion, speed=0.8)
    u = clutter.things(of, np.arange(2000), "distractors", 1.0).u
    paths = clutter.distractors(u, of, 33, 64)
    assert paths.shape == (2000, 1, 33, 2)
    assert paths.min() >= -0.5
    assert paths.max() <= 63.5
    way = np.linalg.norm(np.diff(paths, axis=2), axis=3).sum(axis=2)
    assert way.mean() == pytest.approx(0.8 * 64, rel=0.1)
    start, end = paths[:, 0, 0], paths[:, 0, -1]
    if motion == "loop":
        np.testing.assert_allclose(start, end, atol=1e-6)
    assert np.corrcoef(start.T)[0, 1] == pytest.approx(0, abs=0.1)


def test_a_flash_comes_and_goes():
    drawn = rendering(12, 24, clutter={"level": 1, "flashes": 1})
    lit = clutter_alone(200, drawn).any(axis=(2, 3, 4))
    lit = lit[lit.any(axis=1)]
    assert len(lit) > 150
    changes = np.diff(np.pad(lit, ((0, 0), (1, 1))).astype(int), axis=1)
    assert ((changes == 1).sum(axis=1) == 1).mean() > 0.9  # two may overlap at level 1; most clips have one
    assert lit.sum(axis=1).mean() == pytest.approx(2, abs=0.5)


def test_the_track_passes_behind_occluders_and_before_objects():
    tracks = tracks_of(40)
    tracks.points[:] = tracks.box.mean(axis=0)
    look = {"marker": {"shape": "disc", "radius": 0.1}}
    middle = (slice(None), 0, 11, 11)
    objects = video(tracks, rendering(2, 24, clutter={"level": 1, "objects": 40}, **look))
    assert (objects[middle] == 255).all()
    hidden = video(tracks, rendering(2, 24, clutter={"level": 1, "occluders": 40}, **look))
    assert (hidden[middle] != 255).any(axis=-1).mean() > 0.8


def test_noise_is_gaussian_of_its_deviation_in_every_pixel_and_never_shared():
    drawn = rendering(3, 32, clutter={"level": 0.5, "noise": 0.1}, background={"colour": [128, 128, 128]})
    made = clutter_alone(60, drawn).reshape(60, -1).astype(float) - 128
    assert made.mean() == pytest.approx(0, abs=0.1)
    assert made.std() == pytest.approx(0.05 * 255, rel=0.02)
    assert ((made / made.std()) ** 4).mean() == pytest.approx(3 - 0.3, abs=0.1)  # four bytes: -1.2 / 4 of excess
    correlation = np.corrcoef(made)[~np.eye(60, dtype=bool)]
    assert np.abs(correlation).max() < 5 / np.sqrt(made.shape[1])
    assert np.abs(np.corrcoef(made.reshape(180, -1))[~np.eye(180, dtype=bool)]).max() < 5.5 / np.sqrt(3072)
    shifted = [np.corrcoef(made[:-1].ravel(), np.roll(made[1:], by, axis=1).ravel())[0, 1] for by in (-3, -1, 1, 3, 96)]
    assert np.abs(shifted).max() < 0.02


@pytest.mark.parametrize("deviation", [0.6, 2.0, 12.0, 36.0, 37.0, 100.0, 255.0])
def test_noise_has_the_deviation_that_is_asked_for(deviation):
    made = sensor.noise(streams.words(0, 0, "noise"), 200_001, deviation)
    assert made.shape == (200_001,)
    # A third of a level is lost by rounding, at most.
    assert made.std() == pytest.approx(np.hypot(deviation, 0.29), rel=0.08)
    assert made.mean() == pytest.approx(0, abs=0.02 * deviation + 0.02)


def test_a_blur_is_the_gaussian_blur():
    frame = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    for sigma in (0.4, 1.0, 2.3):
        weights, frames = sensor.kernel(sigma), np.stack([frame, 255 - frame]).reshape(2, 24, 72)
        blurred = sensor.blurred(frames, weights, sensor.Buffers.of((3, 24, 72), len(weights) - 1))
        got = blurred[0, :, :72].reshape(24, 24, 3)
        reach = 12
        line = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
        line /= line.sum()
        padded = np.pad(frame.astype(float), ((reach, reach), (reach, reach), (0, 0)), mode="edge")
        once = sum(weight * padded[at : at + 24] for at, weight in enumerate(line))
        expected = sum(weight * once[:, at : at + 24] for at, weight in enumerate(line))
        assert np.abs(got - expected).max() <= 2.5, sigma
    assert sensor.kernel(0.0) == [256]


@pytest.mark.parametrize("sigma", [0.0, 0.4, 1.0, 2.0, 2.3])
def test_a_blur_is_in_integers_along_one_axis_then_the_other(sigma):
    exact = np.random.default_rng(0).integers(0, 256, (2, 24, 20, 3))
    weights, frames = sensor.kernel(sigma), exact.astype(np.uint8).reshape(2, 24, 60)
    reach = len(weights) - 1
    got = sensor.blurred(frames, weights, sensor.Buffers.of((3, 24, 60), reach))[:, :, :60]  # memory of a frame more
    for axis, length in ((1, 24), (2, 20)):
        padded = np.pad(exact, [(reach * (each == axis),) * 2 for each in range(4)], mode="edge")
        shifted = [padded.take(range(at, at + length), axis) for at in range(2 * reach + 1)]
        line = [*weights[:0:-1], *weights]
        exact = (sum(weight * each for weight, each in zip(line, shifted, strict=True)) + 128) >> 8
    np.testing.assert_array_equal(got, exact.reshape(2, 24, 60))


def test_brightness_is_multiplied_rounded_and_ends_at_white():
    values = np.arange(256, dtype=np.uint16).repeat(3).reshape(1, 16, 48).repeat(3, axis=0)
    gains = np.array([0, 100, 255], np.uint16)
    expected = np.minimum(np.floor(values * (gains[:, None, None] / sensor.UNIT) + 0.5), 255)
    sensor.brighten(values, gains)
    np.testing.assert_array_equal(values, expected)


def test_brightness_drifts_steadily_and_dropped_frames_repeat_the_one_before():
    drawn = rendering(9, 16, clutter={"level": 1, "drift": 0.5}, background={"colour": [100, 100, 100]})
    levels = clutter_alone(100, drawn)[:, :, 0, 0, 0].astype(float)
    steps = np.diff(levels, axis=1)
    assert (np.abs(steps - steps.mean(axis=1, keepdims=True)) <= 1.9).all()
    assert 50 <= levels.min() < 60 < 140 < levels.max() <= 150
    tracks = tracks_of(100)
    made = video(tracks, rendering(9, 16, clutter={"level": 1, "drops": 0.25}))
    clean = video(tracks, rendering(9, 16))
    dropped = np.zeros((100, 9), bool)
    for clip, frame in np.ndindex(100, 9):
        # Blended in 16 bits, a share of a pixel may differ by a grey level.
        dropped[clip, frame] = np.abs(made[clip, frame].astype(int) - clean[clip, frame]).max() > 1
        if dropped[clip, frame]:
            np.testing.assert_array_equal(made[clip, frame], made[clip, frame - 1])
    assert not dropped[:, 0].any()
    assert dropped[:, 1:].mean() == pytest.approx(0.25, abs=0.05)


def test_numbers_are_uniform_and_each_is_drawn_from_its_seed_number_and_purpose_alone():
    many = streams.uniform(7, np.arange(400), "x", 250)
    assert many.min() >= 0
    assert many.max() < 1
    assert many.mean() == pytest.approx(0.5, abs=0.004)
    assert np.histogram(many, 20)[0].std() < 4 * np.sqrt(5000)
    assert np.abs(np.corrcoef(many)[~np.eye(400, dtype=bool)]).max() < 6 / np.sqrt(250)
    np.testing.assert_array_equal(streams.uniform(7, np.array([33, 5]), "x", 9), many[[33, 5], :9])
    others = [streams.uniform(8, np.arange(400), "x", 250), streams.uniform(7, np.arange(400), "y", 250),
              streams.uniform(7, streams.POOL + np.arange(400), "x", 250)]  # fmt: skip
    for other in others:
        assert np.abs(np.corrcoef(many.ravel(), other.ravel())[0, 1]) < 0.02
        assert not np.isin(other, many).any()


def test_a_classifier_of_clutter_alone_sits_at_chance():
    """Labels that are the track's number's remainder, which is the least that could leak."""
    drawn = rendering(3, 16, clutter=FULL | {"noise": 0.01})
    made = clutter_alone(600, drawn).reshape(600, -1).astype(float)
    labels = np.arange(600) % 3
    train = np.arange(600) < 400
    means = np.stack([made[train & (labels == label)].mean(axis=0) for label in range(3)])
    nearest = ((made[~train][:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
    assert (nearest == labels[~train]).mean() == pytest.approx(1 / 3, abs=0.11)


def test_levels_of_a_format_stand_beside_the_plain_clips_and_are_what_is_drawn_at_them(tmp_path):
    tracks, drawn = tracks_of(12), rendering(5, 24, clutter=FULL | {"level": 0.0})
    form = msgspec.structs.replace(drawn.form, levels=(0.5, 2.0))
    tracks.save(tmp_path / "tracks.npz")
    for name, each in (("plain", drawn), ("levels", replace(drawn, form=form))):
        line = render(tmp_path / "tracks.npz", each, tmp_path / name, "warn", tmp_path / "findings.json")
    assert "12 clips, 5 frames of 24 x 24, and at 2 levels of clutter, 0 MB in" in line
    (plain,), (alone,) = Clips(tmp_path / "levels"), Clips(tmp_path / "plain")
    assert plain.sha256 == alone.sha256
    np.testing.assert_array_equal(plain.video, video(tracks, rendering(5, 24)))
    assert Clips(tmp_path / "levels").levels == (0.5, 2.0)
    assert Clips(tmp_path / "plain").levels == ()
    for level in (0.5, 2.0):
        (cluttered,) = Clips(at_level(tmp_path / "levels", level))
        np.testing.assert_array_equal(cluttered.video, video(tracks, drawn.at_level(level)))
    # Without them again, nothing of theirs is left.
    render(tmp_path / "tracks.npz", drawn, tmp_path / "levels", "warn", tmp_path / "findings.json")
    assert not at_level(tmp_path / "levels", 0.5).exists()


@pytest.mark.parametrize(
    ("levels", "of_scene", "message"),
    [
        ([1, 2, 1.0], {"objects": 1}, r"got 1, 2, 1, expected each once, and not 0, which the plain clips have"),
        ([0, 1], {"objects": 1}, r"got 0, 1, expected each once, and not 0"),
        ([1], {}, r"got levels of clutter, expected a scene with some; say what it is in `scenes.busy.clutter`"),
        ([1], {"motion": "loop", "seed": 3}, r"got levels of clutter, expected a scene with some"),
        ([2], {"objects": 1, "level": 1}, r"and `scenes.busy.clutter.level`: 1, expected 0 there"),
        ([-1], {"objects": 1}, r"`clips.t5`, at `levels\[0\]`: Expected `float` >= 0.0"),
    ],
)
def test_levels_of_no_use_are_refused(levels, of_scene, message):
    values = {
        "render": {"scaling": "dataset", "time": "normalised", "margin": 0.1},
        "scenes": {"busy": {"clutter": of_scene}},
        "clips": {"t5": {"frames": 5, "resolution": 24, "scene": "busy", "levels": levels}},
    }
    with pytest.raises(UserError, match=message):
        rendering_of(values, "t5")


@pytest.mark.parametrize("kind", ["objects", "distractors", "flashes", "occluders", "blur", "drift", "noise", "drops"])
def test_each_kind_of_clutter_is_some(kind):
    assert msgspec.convert({kind: 0.05}, Clutter).has_any
    assert not Clutter().has_any
