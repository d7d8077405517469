"""From tracks to rendered clips on disk and back, to the byte, whatever instructions the CPU has."""

import os
import subprocess
import sys
import tracemalloc

import msgspec
import numpy as np
import pytest
from renderings import rendering

from trajprobe.clips import camera, canvas, shapes
from trajprobe.clips.render import ClipWork
from trajprobe.clips.render import render as render_file
from trajprobe.clips.scene import check_memory, draw, framing
from trajprobe.clips.scene import place as place_within
from trajprobe.clips.sections import Format, Placement, Scene
from trajprobe.errors import UserError
from trajprobe.files.store import Store
from trajprobe.files.tracks import Tracks
from trajprobe.files.video_shards import Clips
from trajprobe.params import KEYS_LOST_BY_DVC

FORMS = ((5, 16), (9, 32), (1, 8))  #: frames, resolution
DRAWN = rendering(*FORMS[0])
EACH = rendering(*FORMS[0], scaling="track")


def render(tracks, drawn, folder):
    path = folder.parents[1] / f"{folder.parent.name}-{folder.name}.npz"
    tracks.save(path)
    return render_file(path, drawn, folder, "stop", path.with_suffix(".json"))


def place(tracks, drawn):
    """The places of a whole set."""
    return place_within(tracks, framing(tracks, drawn.placement), drawn)


def some_tracks(count, d=3, seed=0):
    """Tracks of ragged length, sizes from 0.1 to 1."""
    generator = np.random.default_rng(seed)
    points = generator.uniform(-1, 1, (count, 7, d)) * generator.uniform(0.1, 1, (count, 1, 1))
    times = np.cumsum(generator.uniform(0.5, 1, (count, 7)), axis=1)
    lengths = generator.integers(3, 8, count)
    beyond = np.arange(7) >= lengths[:, None]
    box = np.stack([points[~beyond].min(0), points[~beyond].max(0)])
    points[beyond], times[beyond] = 0, 0
    return Tracks(points, times, lengths, box)


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def extents(tracks):
    """The longer side of each track's way in pixels (n), sampled finely enough to meet its corners."""
    return np.ptp(place(tracks, rendering(2000, 32)).points, axis=1).max(1)


def test_scaled_by_track_each_fills_the_frame_in_its_middle():
    pixels = place(some_tracks(20), rendering(2000, 32, scaling="track")).points
    low, high = pixels.min(1), pixels.max(1)
    np.testing.assert_allclose((high - low).max(1), 32 * 0.8, rtol=0.01)
    np.testing.assert_allclose((low + high) / 2, 15.5, atol=0.1)


def test_scaled_by_dataset_all_keep_their_relative_size_and_stay_within_the_margin():
    tracks = some_tracks(20)
    real = np.array([np.ptp(p[:n, :2], axis=0).max() for p, n in zip(tracks.points, tracks.lengths, strict=True)])
    scale = 32 * 0.8 / np.ptp(tracks.box[:, :2], axis=0).max()
    np.testing.assert_allclose(extents(tracks), real * scale, rtol=0.01)
    pixels = place(tracks, rendering(9, 32)).points
    assert pixels.min() >= 15.5 - 32 * 0.4 - 1e-9
    assert pixels.max() <= 15.5 + 32 * 0.4 + 1e-9


def test_scaled_by_dataset_a_track_stands_alike_whoever_is_rendered_with_it():
    tracks = some_tracks(20)
    some = place_within(tracks[4:7], framing(tracks, DRAWN.placement), DRAWN, np.arange(4, 7))
    for one, other in zip(vars(some).values(), vars(place(tracks, DRAWN)[4:7]).values(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("view", ["xy", "xz", "yz", "perspective"])
@pytest.mark.parametrize("scaling", ["track", "dataset"])
def test_a_place_is_the_fitted_projection_of_the_track_at_that_time(view, scaling):
    tracks, seen_by = some_tracks(6), camera.Camera(view=view)
    got = place(tracks, rendering(*FORMS[0], view=view, scaling=scaling)).points
    for i, length in enumerate(tracks.lengths):
        time, points = tracks.times[i, :length], tracks.points[i, :length]
        at = np.linspace(time[0], time[-1], 5)
        moments = np.stack([np.interp(at, time, axis) for axis in points.T], axis=-1)
        corners = np.stack(np.meshgrid(*tracks.box.T), axis=-1).reshape(-1, 3)
        seen = camera.project(points if scaling == "track" else corners, seen_by, tracks.box)
        image = camera.project(moments, seen_by, tracks.box)
        scale = 16 * 0.8 / np.ptp(seen, axis=0).max()
        expected = (image - (seen.min(0) + seen.max(0)) / 2) * scale * [1, -1] + 7.5
        np.testing.assert_allclose(got[i], expected, rtol=0, atol=1e-9)


def test_2d_tracks_are_drawn_as_they_are_in_every_view():
    tracks = some_tracks(5, d=2)
    flat, tall = (place(tracks, rendering(*FORMS[0], view=view)).points for view in ("xy", "perspective"))
    np.testing.assert_array_equal(flat, tall)


@pytest.mark.parametrize("form", FORMS)
def test_a_format_has_its_frames_and_size_and_a_blob_in_proportion(form):
    frames, resolution = form
    drawn, tracks = rendering(*form), some_tracks(3)
    tracks.points[0] = tracks.box.mean(axis=0)
    video = draw(place(tracks, drawn), drawn)
    assert video.shape == (3, frames, resolution, resolution, 3)
    middle = resolution // 2
    x, y = place(tracks, drawn).points[0, 0]
    expected = 255 * np.exp(-((middle - x) ** 2 + (middle + 1 - y) ** 2) / (2 * (0.05 * resolution) ** 2))
    assert abs(float(video[0, 0, middle + 1, middle, 0]) - expected) <= 1


@pytest.mark.parametrize("form", FORMS)
def test_clips_come_back_as_they_were_drawn(tmp_path, form):
    tracks, drawn = some_tracks(10), rendering(*form)
    line = render(tracks, drawn, tmp_path / "clips")
    batches = list(Clips(tmp_path / "clips"))
    assert len(batches) == 1
    np.testing.assert_array_equal(batches[0].points, place(tracks, drawn).points)
    np.testing.assert_array_equal(batches[0].video, draw(place(tracks, drawn), drawn))
    assert batches[0].video.dtype == np.uint8
    assert f"clips: 10 clips, {form[0]} frames of {form[1]} x {form[1]}" in line


def test_300_clips_are_two_shards_in_order(tmp_path):
    tracks = some_tracks(300)
    render(tracks, DRAWN, tmp_path / "clips")
    clips = Clips(tmp_path / "clips")
    batches = list(clips)
    assert len(clips) == 300
    assert [(batch.start, len(batch.video)) for batch in batches] == [(0, 256), (256, 44)]
    assert len({batch.sha256 for batch in batches}) == 2
    expected = place(tracks, DRAWN)
    np.testing.assert_array_equal(np.concatenate([batch.points for batch in batches]), expected.points)
    np.testing.assert_array_equal(np.concatenate([batch.video for batch in batches]), draw(expected, DRAWN))


def test_clips_tell_how_they_were_rendered(tmp_path):
    tracks = some_tracks(3)
    render(tracks, EACH, tmp_path / "clips")
    assert Clips(tmp_path / "clips").meta == {
        "tracks": tracks.digest(),
        "scene": {"scaling": "track", "time": "normalised", "margin": 0.1},
        "format": {"frames": 5, "resolution": 16},
    }


def test_a_worker_that_would_draw_other_clips_is_refused(tmp_path, monkeypatch):
    some_tracks(10).save(tmp_path / "tracks.npz")
    work = ClipWork(tmp_path / "tracks.npz", DRAWN)
    ((task,), _) = work.open().survey("t5")
    monkeypatch.setattr("trajprobe.clips.render.CLIPS_PER_SHARD", 5)
    worker = work.open()
    with pytest.raises(UserError, match="a worker would draw other clips than this machine"):
        worker.make(task, worker.read(task), Store.here(), lambda _: None)


def test_two_renders_have_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        render(some_tracks(10), DRAWN, tmp_path / name)
    assert files(tmp_path / "one") == files(tmp_path / "two")
    render(some_tracks(10, seed=1), DRAWN, tmp_path / "two")
    assert files(tmp_path / "one") != files(tmp_path / "two")


def test_a_render_that_fails_leaves_the_old_clips(tmp_path):
    render(some_tracks(10), DRAWN, tmp_path / "clips")
    before = files(tmp_path / "clips")
    tracks = some_tracks(300)
    tracks.points[299] = np.nan
    with pytest.raises(RuntimeWarning, match="invalid value"):  # in the second shard; pytest makes it an error
        render(tracks, DRAWN, tmp_path / "clips")
    assert files(tmp_path / "clips") == before
    assert [path.name for path in tmp_path.iterdir()] == ["clips"]


@pytest.mark.parametrize("at", [100, 600, -1])
def test_a_flipped_bit_is_refused(tmp_path, at):
    render(some_tracks(10), DRAWN, tmp_path / "clips")
    path = tmp_path / "clips" / "00000.safetensors"
    data = bytearray(path.read_bytes())
    data[at] ^= 4
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"00000\.safetensors: is damaged"):
        list(Clips(tmp_path / "clips"))


BYTES = """
import hashlib
import json
import numpy as np
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__
from trajprobe.data.synthetic import Synthetic, arrays
from trajprobe.files.tracks import Tracks
from renderings import SCENES, rendering
from trajprobe.clips.scene import draw, framing, place

params = Synthetic(clips=500, pool=1, points=60, tilt=0.5, noise=0.008, seed=0, pool_seed=1)
made = arrays(500, params, 0)
points = made["trajectories"].astype(np.float64)
box = np.stack([points.min((0, 1)), points.max((0, 1))])
times = np.random.default_rng(0).uniform(0.5, 1.0, points.shape[:2]).cumsum(1)
tracks = Tracks(points, times, np.full(500, 60), box)
told = {"tracks": made["trajectories"], "labels": made["labels"]}
for view in ("xy", "perspective"):
    for scaling in ("track", "dataset", "robust", "none"):
        for time in ("normalised", "duration", "arc_length"):
            drawn = rendering(7, 32, view=view, scaling=scaling, time=time)
            places = place(tracks, framing(tracks, drawn.placement), drawn)
            told[f"places {view} {scaling} {time}"] = places.points
            told[f"video {view} {scaling} {time}"] = draw(places[:50], drawn)
for name, scene in SCENES.items():
    drawn = rendering(7, 32, **scene)
    told[name] = draw(place(tracks[:50], framing(tracks, drawn.placement), drawn), drawn)
digests = {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in told.items()}
print(json.dumps([[name for name in __cpu_dispatch__ if __cpu_features__[name]], digests]))
"""


def bytes_without(features):
    """Which dispatched features numpy has in a process without `features`, and the sha256 of what it made."""
    paths = os.pathsep.join(filter(None, sys.path))
    environment = {**os.environ, "PYTHONPATH": paths, "NPY_DISABLE_CPU_FEATURES": " ".join(features)}
    if not features:
        del environment["NPY_DISABLE_CPU_FEATURES"]
    else:  # the C library's exp chooses by the CPU, too
        environment["GLIBC_TUNABLES"] = "glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4,-AVX512F"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", BYTES], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return msgspec.json.decode(done.stdout)


def test_bytes_do_not_depend_on_the_instruction_set():
    there, expected = bytes_without([])
    if not there:
        pytest.skip("numpy has no CPU features here that it chooses at run time")
    left, got = bytes_without(there)
    assert left == []
    assert got == expected


def test_no_key_has_a_name_that_dvc_ignores():
    sections = [Scene, Placement, Format, *(type(getattr(Scene(), name)) for name in Scene.__struct_fields__)]
    assert not {key for section in sections for key in section.__struct_fields__} & set(KEYS_LOST_BY_DVC)


def test_a_format_whose_clips_or_blob_do_not_fit_into_memory_is_refused(monkeypatch):
    monkeypatch.setattr("trajprobe.files.memory.total", lambda: 10**9)
    drawn = rendering(100, 1000, radius=0.001)  # 300 MB a clip, and as much while it is packed
    check_memory(drawn, 1, "here")
    with pytest.raises(
        UserError, match=r"^here: too large: needs 1\.2 GB of memory, the machine has 1\.0 GB; lower `fra"
    ):
        check_memory(drawn, 2, "here")
    with pytest.raises(UserError, match=r"needs 20\.7"):  # the blob's table
        check_memory(rendering(1, 1000, radius=0.49), 1, "here")
    with pytest.raises(UserError, match=r"needs 1\.8"):  # frames that are worked on
        check_memory(rendering(100, 1000, radius=0.001, trail={"width": 0.1}), 1, "here")


def test_the_forecast_of_the_blobs_table_is_not_below_what_it_takes():
    tracemalloc.start()
    table = shapes.coverage.__wrapped__("gaussian", 12.0)
    canvas.coloured(table, (255, 255, 255), (0, 0, 0))
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert taken / 2 < shapes.coverage_memory("gaussian", 12.0) < 2 * taken
