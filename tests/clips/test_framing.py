"""Scale and time of clips: which box a frame shows, and at which moments a track is seen."""

from pathlib import Path

import numpy as np
import pytest
from renderings import rendering

from trajprobe.clips import camera
from trajprobe.clips.render import ClipMaker, ClipWork
from trajprobe.clips.scene import SHOWN, framing, place
from trajprobe.data import raw
from trajprobe.data.canonical import canonical
from trajprobe.files.tracks import Tracks

WILD = Path(__file__).parents[3] / "shared/data/in_the_wild/one_outlier_point_1e6.npz"


def scene(scaling="dataset", time="normalised", frames=9, resolution=32, **other):
    return rendering(frames, resolution, scaling=scaling, time=time, **other)


def tracks_of(points, times=None, lengths=None):
    points = np.asarray(points, np.float64)
    count, steps, _ = points.shape
    times = np.tile(np.arange(float(steps)), (count, 1)) if times is None else np.asarray(times, np.float64)
    box = np.stack([points.min((0, 1)), points.max((0, 1))])
    return Tracks(points, times, np.full(count, steps) if lengths is None else np.asarray(lengths), box)


def walks(count=100, steps=20, d=2, seed=0):
    generator = np.random.default_rng(seed)
    return generator.normal(size=(count, steps, d)).cumsum(axis=1) + generator.normal(0, 5, (count, 1, d))


def placed(tracks, of):
    return place(tracks, framing(tracks, of.placement), of).points


@pytest.mark.parametrize("count", [1, 2, 19, 20, 21, 100])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.95, 1.0])
def test_a_quantile_is_numpys_inverted_cdf(count, share):
    values = np.random.default_rng(count).normal(size=(count, 3))
    expected = np.quantile(values, share, axis=0, method="inverted_cdf")
    np.testing.assert_array_equal(camera.quantile(values, share), expected)


@pytest.mark.parametrize("d", [2, 3])
def test_arc_lengths_are_sums_of_the_lengths_of_steps(d):
    points = walks(d=d)
    steps = np.linalg.norm(np.diff(points, axis=1), axis=2)
    expected = np.concatenate([np.zeros((100, 1)), np.cumsum(steps, axis=1)], axis=1)
    np.testing.assert_allclose(camera.arc_lengths(points), expected, rtol=1e-12)


def test_a_robust_box_holds_the_share_of_tracks_on_each_side():
    points = walks()
    box = framing(tracks_of(points), scene("robust").placement).box
    for axis in (0, 1):
        assert (points[..., axis].max(axis=1) <= box[1, axis]).mean() == SHOWN
        assert (points[..., axis].min(axis=1) >= box[0, axis]).mean() == SHOWN


def test_one_track_cannot_shrink_a_robust_box():
    points = walks()
    usual = placed(tracks_of(points), scene("robust"))
    points[3] *= 1e6
    wild = tracks_of(points)
    others = np.delete(np.arange(100), 3)
    moved = np.abs(np.diff(placed(wild, scene("robust"))[others], axis=1)).max(axis=1)
    assert np.median(moved) > 0.8 * np.median(np.abs(np.diff(usual[others], axis=1)).max(axis=1))
    assert np.ptp(placed(wild, scene("dataset"))[others], axis=1).max() < 0.01


@pytest.mark.skipif(not WILD.is_file(), reason=f"the data sets for trials are not here ({WILD})")
def test_clips_of_the_wild_fix_stand_still_and_robust_ones_move(tmp_path):
    tracks = canonical(raw.load(WILD))
    tracks.save(tmp_path / "tracks.npz")

    def found(scaling):
        work = ClipWork(tmp_path / "tracks.npz", scene(scaling, frames=17, resolution=64))
        return {finding.name: finding for finding in ClipMaker(work, tracks).survey("t17")[1]}

    assert found("dataset")["t17: still"].grave
    robust = found("robust")
    assert "t17: still" not in robust
    assert (5,) in robust["t17: outside"].items
    assert not robust["t17: outside"].grave


@pytest.mark.parametrize("margin", [0.0, 0.1])
def test_without_scaling_the_unit_square_fills_the_frame_but_for_its_margin(margin):
    points = np.array([[[0, 0], [1, 1]], [[0.5, 0.5], [0.25, 0.75]], [[5, 5], [6, 6]]])
    pixels = placed(tracks_of(points), scene("none", margin=margin, frames=2))
    room = 32 * (1 - 2 * margin)
    expected = (points - 0.5) * room * [1, -1] + 15.5
    np.testing.assert_allclose(pixels[:2], expected[:2], atol=1e-9)
    assert (np.abs(pixels[2] - 15.5) > 32).all()


def test_in_perspective_without_scaling_the_unit_cube_is_the_box():
    points = np.random.default_rng(0).uniform(0, 1, (6, 9, 3))
    cube = np.stack([np.zeros(3), np.ones(3)])
    low, high = camera.image_box(cube, camera.Camera(view="perspective"))
    image = camera.project(points, camera.Camera(view="perspective"), cube)
    expected = camera.fit(image, low, high, 32, 0.1)
    np.testing.assert_allclose(placed(tracks_of(points), scene("none", view="perspective")), expected, atol=1e-9)


@pytest.mark.parametrize("view", ["xy", "perspective"])
def test_what_a_robust_box_cuts_is_out_of_the_frame_and_finite(view):
    points = walks(d=3)
    points[3] += [1e17, 1e17, 2e17]  # behind the viewer of the perspective
    pixels = placed(tracks_of(points), scene("robust", view=view))
    assert np.isfinite(pixels).all()
    assert np.abs(pixels).max() <= 3 * 32
    assert ((pixels[3] < 0) | (pixels[3] > 31)).any(axis=1).all()


def test_at_fixed_duration_frames_are_at_equal_times_and_a_track_stands_at_its_end():
    points, lengths = walks(40, 21), np.r_[np.full(20, 21), np.full(20, 11)]
    times = np.tile(0.5 * np.arange(21.0) + 3, (40, 1))
    tracks = tracks_of(points, times, lengths)
    of = scene(time="duration", frames=21)
    assert framing(tracks, of.placement).duration == 10
    pixels, own = placed(tracks, of), placed(tracks, scene(frames=21))
    np.testing.assert_allclose(pixels[:20], own[:20], atol=1e-9)
    np.testing.assert_allclose(pixels[20:, :11], own[20:, ::2], atol=1e-9)
    assert (pixels[20:, 10:] == pixels[20:, 10:11]).all()


def test_one_late_stamp_does_not_fill_all_clips():
    times = np.tile(np.arange(20.0), (100, 1))
    times[4, -1] = 1e6
    tracks, of = tracks_of(walks(), times), scene(time="duration")
    assert framing(tracks, of.placement).duration == 19
    assert np.ptp(placed(tracks, of), axis=1).max(axis=1).min() > 0.5


def test_by_arc_length_all_steps_of_a_path_are_equal_whatever_its_times():
    generator = np.random.default_rng(0)
    ends = generator.uniform(0, 9, (2, 30, 1, 2))
    share = np.sort(generator.random((30, 25, 1)), axis=1)
    points = ends[0] + (ends[1] - ends[0]) * share
    one = tracks_of(points)
    other = tracks_of(points, generator.exponential(size=(30, 25)).cumsum(axis=1))
    steps = np.linalg.norm(np.diff(placed(one, scene(time="arc_length")), axis=1), axis=2)
    np.testing.assert_allclose(steps, steps[:, :1].repeat(8, axis=1), atol=1e-9)
    np.testing.assert_array_equal(placed(one, scene(time="arc_length")), placed(other, scene(time="arc_length")))


def test_a_track_that_stands_is_placed_by_arc_length_too():
    points = np.ones((3, 5, 2)) * np.arange(3)[:, None, None]
    pixels = placed(tracks_of(points), scene(time="arc_length"))
    assert (pixels == pixels[:, :1]).all()


def speeds(count=240, seed=0):
    """Straight lines of one length, at three speeds: slow, fast, and rising from standing; a point a second."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 3, count)
    angle = generator.uniform(0, 2 * np.pi, count)
    direction = 10 * np.stack([np.cos(angle), np.sin(angle)], axis=-1)[:, None]
    seconds = np.arange(41.0)
    progress = np.stack([seconds / 40, seconds / 20, (seconds / 40) ** 2])[labels][..., None]
    points = generator.uniform(-20, 20, (count, 1, 2)) + direction * np.minimum(progress, 1)
    return tracks_of(points, lengths=np.where(labels == 1, 21, 41)), labels


def accuracy(tracks, labels, time):
    """Of the nearest class mean of the speeds in the clips, on the half that the means are not of."""
    moved = np.linalg.norm(np.diff(placed(tracks, scene(time=time)), axis=1), axis=2)
    train = np.arange(len(labels)) % 2 == 0
    means = np.stack([moved[train & (labels == label)].mean(axis=0) for label in range(3)])
    nearest = np.linalg.norm(moved[~train][:, None] - means, axis=2).argmin(axis=1)
    return (nearest == labels[~train]).mean()


def test_classes_of_speed_stay_apart_at_fixed_duration_and_vanish_by_arc_length():
    tracks, labels = speeds()
    assert accuracy(tracks, labels, "duration") > 0.99
    assert 0.55 < accuracy(tracks, labels, "normalised") < 0.85  # slow and fast are alike, a rising speed is not
    np.testing.assert_allclose(
        np.linalg.norm(np.diff(placed(tracks, scene(time="arc_length")), axis=1), axis=2).std(axis=0), 0, atol=1e-9
    )
    assert accuracy(tracks, labels, "arc_length") < 0.5
