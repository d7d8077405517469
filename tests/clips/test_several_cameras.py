"""Scenes with several cameras: a clip of each track by each of them, one behind the other."""

import msgspec
import numpy as np
import pytest
from renderings import rendering

from trajprobe.clips.render import ClipMaker, ClipWork
from trajprobe.clips.render import render as render_file
from trajprobe.clips.scene import draw, framing, place
from trajprobe.clips.sections import Scene, rendering_of
from trajprobe.errors import UserError
from trajprobe.files.tracks import Tracks
from trajprobe.files.video_shards import Clips
from trajprobe.params import parse

PERSPECTIVE = {"view": "perspective", "position": [2, -1, 1], "shake": 0.1}
CAMERAS = [{"view": "xy"}, {"view": "xz", "pan": 0.3}, PERSPECTIVE]
BUSY = {
    "marker": {"shape": "disc", "radius_by": "depth"},
    "background": {"kind": "texture"},
    "clutter": {"level": 1, "objects": 3, "distractors": 2, "noise": 0.05},
}


def tracks_of(points):
    count, steps, _ = points.shape
    times = np.tile(np.arange(float(steps)), (count, 1))
    return Tracks(points, times, np.full(count, steps), np.stack([points.min((0, 1)), points.max((0, 1))]))


def walks(count, dimensions=3):
    return tracks_of(np.random.default_rng(0).normal(size=(count, 9, dimensions)).cumsum(axis=1))


def video(tracks, drawn, rows):
    return draw(place(tracks[rows], framing(tracks, drawn.placement), drawn, rows), drawn)


@pytest.mark.parametrize("scaling", ["dataset", "track"])
def test_each_camera_sees_what_it_sees_alone_and_the_clips_of_a_track_follow_one_another(scaling):
    tracks, rows = walks(6), np.array([1, 4, 5])
    together = video(tracks, rendering(5, 24, scaling=scaling, camera=CAMERAS), rows)
    assert together.shape == (9, 5, 24, 24, 3)
    by_camera = together.reshape(3, 3, *together.shape[1:]).swapaxes(0, 1)
    still = [camera | {"pan": 0, "shake": 0} for camera in CAMERAS]
    unmoved = video(tracks, rendering(5, 24, scaling=scaling, camera=still), rows)
    unmoved = unmoved.reshape(3, 3, *together.shape[1:]).swapaxes(0, 1)
    for camera, clips in zip(still, unmoved, strict=True):
        np.testing.assert_array_equal(clips, video(tracks, rendering(5, 24, scaling=scaling, camera=camera), rows))
    np.testing.assert_array_equal(by_camera[0], unmoved[0])
    assert (by_camera[1] != unmoved[1]).any()


def test_what_is_random_is_each_clips_own_and_the_first_cameras_is_that_of_one_camera():
    tracks, rows = walks(4), np.arange(4)
    twice = rendering(5, 24, camera=[{"view": "xy"}, {"view": "xz"}], **BUSY)
    clips = video(tracks, twice, rows)
    np.testing.assert_array_equal(clips[::2], video(tracks, rendering(5, 24, **BUSY), rows))
    numbers = place(tracks, framing(tracks, twice.placement), twice).numbers
    assert len(set(numbers.tolist())) == 8
    np.testing.assert_array_equal(numbers[::2], rows)
    noise = rendering(5, 24, camera=twice.scene.camera, clutter={"level": 1, "noise": 0.1})
    first, second = video(tracks, noise, rows)[:, :, :2].reshape(4, 2, -1).swapaxes(0, 1).astype(float)
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.1


def test_shards_hold_all_clips_of_their_tracks_and_say_how_many_each_has(tmp_path):
    tracks, drawn = walks(200), rendering(3, 8, camera=CAMERAS)
    tracks.save(tmp_path / "tracks.npz")
    line = render_file(tmp_path / "tracks.npz", drawn, tmp_path / "t3", "warn", tmp_path / "found.json")
    assert "600 clips of 200 tracks by 3 cameras, 3 frames" in line
    clips = Clips(tmp_path / "t3")
    assert (len(clips), clips.cameras, clips.meta["format"]["cameras"]) == (600, 3, 3)
    assert [shard["items"] for shard in clips.shards] == [255, 255, 90]
    np.testing.assert_array_equal(clips[1].video[:3], video(tracks, drawn, np.array([85])))


def test_one_camera_in_a_list_is_one_camera():
    one, listed = rendering(5, 16, view="xz"), rendering(5, 16, camera=[{"view": "xz"}])
    assert one.recipe() == listed.recipe()
    assert "cameras" not in one.recipe()["format"]
    assert rendering(5, 16, camera=CAMERAS).recipe()["scene"]["camera"] == [
        {}, {"view": "xz", "pan": 0.3}, {"view": "perspective", "position": (2, -1, 1), "shake": 0.1}
    ]  # fmt: skip


def test_a_track_stands_still_where_no_camera_sees_it_move():
    points = np.zeros((20, 9, 3))
    points[:, :, 2] = np.linspace(0, 1, 9) * np.arange(1, 21)[:, None]  # straight up
    tracks = tracks_of(points)

    def names(camera):
        drawn = rendering(9, 32, camera=camera)
        return {finding.name for finding in ClipMaker(ClipWork("tracks.npz", drawn), tracks).survey("t9")[1]}

    assert "t9: still" in names({"view": "xy"})
    assert names([{"view": "xy"}, {"view": "xz"}]) == set()
    assert "t9: still" in names([{"view": "xy"}, {"view": "xy", "seed": 1}])


def test_clips_are_alike_where_no_camera_tells_their_tracks_apart():
    points = np.random.default_rng(0).normal(size=(12, 9, 3)).cumsum(axis=1)
    points[6:, :, :2] = points[:6, :, :2]
    tracks = tracks_of(points)

    def alike(camera):
        drawn = rendering(9, 32, camera=camera)
        found = ClipMaker(ClipWork("tracks.npz", drawn), tracks).survey("t9")[1]
        return [finding.items for finding in found if finding.name == "t9: alike"]

    assert alike({"view": "xy"}) == [tuple((number, number + 6) for number in range(6))]
    assert alike([{"view": "xy"}, {"view": "yz"}]) == []


def test_flat_tracks_have_one_view():
    tracks, drawn = walks(3, 2), rendering(5, 16, camera=CAMERAS)
    with pytest.raises(UserError, match=r"`scenes\.default\.camera`: got 3 cameras, but tracks in 2-D.*expected one"):
        place(tracks, framing(tracks, drawn.placement), drawn)


@pytest.mark.parametrize(
    ("camera", "message"),
    [
        ([{"view": "xy"}, {"view": "xy"}], r"`scenes\.s`, at `camera\.1`: got the same camera as an earlier one"),
        ([{}, {"view": "xz", "target": [1, 0, 0]}], r"at `camera\.1`: got `target` with the view xz"),
        ([{}, {"view": "perspective", "field_of_view": 30}], r"at `camera`: got a `field_of_view` and render\.scaling"),
    ],
)
def test_cameras_that_make_no_sense_are_refused(camera, message):
    values = {
        "render": {"scaling": "track", "time": "normalised", "margin": 0.1},
        "scenes": {"s": {"camera": camera}},
        "clips": {"t9": {"frames": 9, "resolution": 16, "scene": "s"}},
    }
    with pytest.raises(UserError, match=message):
        rendering_of(values, "t9")


@pytest.mark.parametrize("camera", [[], [{"view": "xy"}] * 9, "xy", [{"views": "xy"}], [{"view": "xyz"}]])
def test_what_is_no_camera_is_refused(camera):
    with pytest.raises(UserError, match=r"params\.yaml: `scenes\.s"):
        parse({"camera": camera}, Scene, "params.yaml: `scenes.s`")


@pytest.mark.parametrize(
    ("camera", "message"),
    [
        ([{"view": "top"}], "`camera[0].view`: Invalid enum value 'top', expected one of xy, xz, yz, perspective"),
        ({"view": "top"}, "`camera.view`: Invalid enum value 'top', expected one of xy, xz, yz, perspective"),
        ([{"views": "xy"}], "`camera[0]`: unknown key `views`; the valid keys are view, position"),
        ({"views": "xy"}, "`camera`: unknown key `views`; the valid keys are view, position"),
    ],
)
def test_a_refusal_says_what_one_of_several_cameras_may_have(camera, message):
    with pytest.raises(UserError) as error:
        parse({"camera": camera}, Scene, "params.yaml: `scenes.s`")
    assert message in str(error.value)


def test_a_scene_with_one_camera_is_as_it_was():
    """Its recipe, which keys the store, has no word of cameras."""
    assert rendering(5, 16).recipe()["scene"] == {"margin": 0.1, "scaling": "dataset", "time": "normalised"}
    assert msgspec.to_builtins(rendering(5, 16).form) == {
        "frames": 5, "resolution": 16, "scene": "default", "levels": ()
    }  # fmt: skip
