"""Guards on clips, against the clips themselves: still ones, alike ones, slow ones, and what leaves the frame."""

import numpy as np
import pytest
from renderings import rendering

from trajprobe.clips import canvas, scene
from trajprobe.clips.render import ClipMaker, ClipWork, render
from trajprobe.clips.visibility import Motion
from trajprobe.errors import UserError
from trajprobe.files.findings import load
from trajprobe.files.tracks import Tracks


def drawn(scaling="dataset", time="normalised", frames=9, **other):
    return rendering(frames, 32, scaling=scaling, time=time, **other)


def place(tracks, of):
    """The places of a whole set."""
    return scene.place(tracks, scene.framing(tracks, of.placement), of)


def tracks_of(points, times=None):
    points = np.asarray(points, np.float64)
    count, steps, _ = points.shape
    times = np.tile(np.arange(float(steps)), (count, 1)) if times is None else np.asarray(times, np.float64)
    return Tracks(points, times, np.full(count, steps), np.stack([points.min((0, 1)), points.max((0, 1))]))


def walks(count=60, steps=9, seed=0):
    return np.random.default_rng(seed).normal(size=(count, steps, 2)).cumsum(axis=1)


def found(tracks, of=None):
    made = ClipMaker(ClipWork("tracks.npz", of or drawn()), tracks).survey("t9")[1]
    assert all(finding.text.endswith(".") and "\n" not in finding.text for finding in made)
    return {finding.name.removeprefix("t9: "): finding for finding in made}


def test_clips_that_move_are_silent():
    for scaling in ("dataset", "track"):
        assert found(tracks_of(walks()), drawn(scaling)) == {}


def test_cells_are_equal_where_the_drawn_bytes_are():
    places = np.random.default_rng(0).uniform(-12, 44, (3000, 1, 2))
    places[1000:2000] = places[:1000] + np.random.default_rng(1).uniform(-0.1, 0.1, (1000, 1, 2))
    of = drawn(frames=1)
    cells = canvas.cells(places, 32, of.reach).reshape(3000, 2)
    still, ones = np.zeros(places.shape, np.int64), np.ones(places.shape[:2])
    blobs = scene.Places(places, places, still, 0 * ones, ones, np.arange(3000))
    frames = scene.draw(blobs, of).reshape(3000, -1)
    _, of_cell = np.unique(cells, axis=0, return_inverse=True)
    _, of_frame = np.unique(frames, axis=0, return_inverse=True)
    pairs = np.stack([of_cell.ravel(), of_frame.ravel()], axis=1)
    assert len(np.unique(pairs, axis=0)) == len(np.unique(of_cell))  # one cell, one picture
    inside = ((places >= 0) & (places <= 31)).all(axis=(1, 2))
    assert len(np.unique(pairs[inside], axis=0)) == len(np.unique(of_frame[inside])) > 500  # and the other way round
    out_of_sight = ((places < -8) | (places > 40)).any(axis=(1, 2))
    assert len(np.unique(of_cell[out_of_sight])) == 1
    assert out_of_sight.sum() > 500


def test_still_and_alike_clips_are_those_whose_bytes_say_so():
    points = walks(60)
    points[:5] = points[:5, :1]
    points[10:13] = points[20:23] + 1e-4  # the same cells
    tracks = tracks_of(points)
    video = scene.draw(place(tracks, drawn()), drawn())
    still = [i for i, clip in enumerate(video) if (clip == clip[0]).all()]
    alike = {(j, i) for i in range(60) for j in range(i) if i not in still and (video[i] == video[j]).all()}
    told = found(tracks)
    assert told["still"].items == tuple((i,) for i in still)
    assert still == [0, 1, 2, 3, 4]
    assert set(told["alike"].items) == alike
    assert len(alike) >= 2
    assert not told["still"].grave


def test_exact_duplicates_are_left_to_the_guard_on_tracks():
    points = walks(60)
    points[10:13] = points[20:23]
    assert found(tracks_of(points)) == {}


def test_where_nearly_all_clips_stand_still_the_run_stops_before_any_is_drawn(tmp_path):
    points = walks(60)
    points[3] *= 1e6
    tracks = tracks_of(points)
    assert found(tracks)["still"].grave
    tracks.save(tmp_path / "tracks.npz")
    with pytest.raises(UserError, match=r"^params\.yaml: `clips\.t9`: Clips t9: 59 of 60 stand still.*guards: warn`"):
        render(tmp_path / "tracks.npz", drawn(), tmp_path / "clips/t9", "stop", tmp_path / "t9.json")
    assert not (tmp_path / "clips").exists()
    (still,) = load(tmp_path / "t9.json")  # which names all tracks that the message names ten of
    assert (still.name, len(still.items)) == ("t9: still", 59)
    (tmp_path / "t9.json").unlink()
    made = render(tmp_path / "tracks.npz", drawn(), tmp_path / "clips/t9", "warn", tmp_path / "t9.json")
    assert "t9: 60 clips" in made
    assert made.endswith(f"\n  {still.text}")
    assert load(tmp_path / "t9.json") == [still]


def test_slow_clips_are_told_by_their_median():
    tracks = tracks_of(0.01 * walks(60) + np.random.default_rng(1).uniform(0, 1, (60, 1, 2)))
    places = place(tracks, drawn()).points
    median = np.median(np.linalg.norm(np.diff(places, axis=1), axis=2).mean(axis=1))
    told = found(tracks)["slow"]
    assert f"in half of them the blob moves less than {median:.2f} pixels a frame" in told.text
    assert not told.grave
    assert "slow" not in found(tracks, drawn("track"))


def test_a_format_of_one_frame_is_meant_to_stand():
    assert found(tracks_of(walks()), drawn(frames=1)) == {}


def test_what_leaves_the_frame_is_counted():
    points = walks(100)
    points[3] *= 100
    told = found(tracks_of(points), drawn("robust"))["outside"]
    tracks = tracks_of(points)
    places = place(tracks, drawn("robust")).points
    out = ((places < -0.5) | (places > 31.5)).any(axis=2)
    assert told.items == tuple((i,) for i in np.flatnonzero(out.any(axis=1)).tolist())
    assert f"{out.any(axis=1).sum()} of 100 leave the frame, in {100 * out.mean():.1f} % of frames" in told.text
    assert not told.grave


def test_other_units_than_the_unit_square_are_grave():
    told = found(tracks_of(640 * np.random.default_rng(0).uniform(0, 1, (60, 9, 2))), drawn("none"))["outside"]
    assert told.grave
    assert "are never in it" in told.text
    assert found(tracks_of(np.random.default_rng(0).uniform(0, 1, (60, 9, 2))), drawn("none")) == {}


def test_padding_and_what_is_cut_are_told_at_fixed_duration():
    times = np.tile(np.arange(9.0), (100, 1)) * np.r_[np.full(40, 0.5), np.full(57, 1.0), np.full(3, 9.0)][:, None]
    tracks = tracks_of(walks(100), times)
    told = found(tracks, drawn(time="duration"))
    assert "Clips t9 last 8, as 95 % of the tracks do at most. 40 of 100 are shorter" in told["padding"].text
    assert "half of them for more than 50.0 % of the clip" in told["padding"].text
    assert told["cut"].items == ((97,), (98,), (99,))
    assert not {"padding", "cut"} & set(found(tracks))
    assert found(tracks_of(walks(100)), drawn(time="duration")) == {}


def test_what_is_seen_of_shards_is_what_is_seen_of_all():
    places, of = place(tracks_of(walks(20)), drawn("robust")), drawn("robust")
    parts = Motion.joined([Motion.of(places[:7], of), Motion.of(places[7:], of)])
    for one, other in zip(vars(parts).values(), vars(Motion.of(places, of)).values(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_in_clutter_the_words_are_of_the_marker_alone():
    points = walks(60)
    points[:5], points[10:13] = points[:5, :1], points[20:23] + 1e-4
    told = found(tracks_of(points), drawn(clutter={"level": 1, "noise": 0.1}))
    assert "5 of 60 stand still: the marker stays where it is" in told["still"].text
    assert "have the marker at the same places as one of another track" in told["alike"].text
