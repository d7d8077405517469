"""From tracks to rendered clips on disk and back, to the byte, whatever instructions the CPU has."""

import os
import subprocess
import sys
import tracemalloc

import msgspec
import numpy as np
import pytest

from trajprobe.clips import camera, canvas
from trajprobe.clips.render import ClipWork
from trajprobe.clips.render import render as render_file
from trajprobe.clips.scene import Format, Scene, check_memory, draw, framing
from trajprobe.clips.scene import place as place_within
from trajprobe.errors import UserError
from trajprobe.files.store import Store
from trajprobe.files.tracks import Tracks
from trajprobe.files.video_shards import Clips
from trajprobe.params import KEYS_LOST_BY_DVC

SCENE = Scene(view="xy", scaling="dataset", time="normalised", blob=0.05, margin=0.1)
EACH = Scene(view="xy", scaling="track", time="normalised", blob=0.05, margin=0.1)
FORMS = (Format(frames=5, resolution=16), Format(frames=9, resolution=32), Format(frames=1, resolution=8))


def render(tracks, scene, form, folder):
    path = folder.parents[1] / f"{folder.parent.name}-{folder.name}.npz"
    tracks.save(path)
    return render_file(path, scene, form, folder, "stop", path.with_suffix(".json"))


def place(tracks, scene, form):
    """The places of a whole set."""
    return place_within(tracks, framing(tracks, scene), scene, form)


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


def extents(tracks, scene, form):
    """The longer side of each track's way in pixels (n), sampled finely enough to meet its corners."""
    fine = Format(frames=2000, resolution=form.resolution)
    return np.ptp(place(tracks, scene, fine), axis=1).max(1)


def test_scaled_by_track_each_fills_the_frame_in_its_middle():
    pixels = place(some_tracks(20), EACH, Format(frames=2000, resolution=32))
    low, high = pixels.min(1), pixels.max(1)
    np.testing.assert_allclose((high - low).max(1), 32 * 0.8, rtol=0.01)
    np.testing.assert_allclose((low + high) / 2, 15.5, atol=0.1)


def test_scaled_by_dataset_all_keep_their_relative_size_and_stay_within_the_margin():
    tracks = some_tracks(20)
    real = np.array([np.ptp(p[:n, :2], axis=0).max() for p, n in zip(tracks.points, tracks.lengths, strict=True)])
    scale = 32 * 0.8 / np.ptp(tracks.box[:, :2], axis=0).max()
    np.testing.assert_allclose(extents(tracks, SCENE, FORMS[1]), real * scale, rtol=0.01)
    pixels = place(tracks, SCENE, FORMS[1])
    assert pixels.min() >= 15.5 - 32 * 0.4 - 1e-9
    assert pixels.max() <= 15.5 + 32 * 0.4 + 1e-9


def test_scaled_by_dataset_a_track_stands_alike_whoever_is_rendered_with_it():
    tracks = some_tracks(20)
    some = place_within(tracks[4:7], framing(tracks, SCENE), SCENE, FORMS[0])
    np.testing.assert_array_equal(some, place(tracks, SCENE, FORMS[0])[4:7])


@pytest.mark.parametrize("view", ["xy", "xz", "yz", "perspective"])
@pytest.mark.parametrize("scaling", ["track", "dataset"])
def test_a_place_is_the_fitted_projection_of_the_track_at_that_time(view, scaling):
    tracks, scene = some_tracks(6), Scene(view=view, scaling=scaling, time="normalised", blob=0.05, margin=0.1)
    got = place(tracks, scene, FORMS[0])
    for i, length in enumerate(tracks.lengths):
        time, points = tracks.times[i, :length], tracks.points[i, :length]
        at = np.linspace(time[0], time[-1], 5)
        moments = np.stack([np.interp(at, time, axis) for axis in points.T], axis=-1)
        corners = np.stack(np.meshgrid(*tracks.box.T), axis=-1).reshape(-1, 3)
        seen = camera.project(points if scaling == "track" else corners, view, tracks.box)
        image = camera.project(moments, view, tracks.box)
        scale = 16 * 0.8 / np.ptp(seen, axis=0).max()
        expected = (image - (seen.min(0) + seen.max(0)) / 2) * scale * [1, -1] + 7.5
        np.testing.assert_allclose(got[i], expected, rtol=0, atol=1e-9)


def test_2d_tracks_are_drawn_as_they_are_in_every_view():
    tracks = some_tracks(5, d=2)
    flat = place(tracks, SCENE, FORMS[0])
    tall = place(
        tracks, Scene(view="perspective", scaling="dataset", time="normalised", blob=0.05, margin=0.1), FORMS[0]
    )
    np.testing.assert_array_equal(flat, tall)


@pytest.mark.parametrize("form", FORMS)
def test_a_format_has_its_frames_and_size_and_a_blob_in_proportion(form):
    video = draw(place(some_tracks(3), SCENE, form), SCENE, form)
    assert video.shape == (3, form.frames, form.resolution, form.resolution, 3)
    middle = draw(np.full((1, 1, 2), form.resolution // 2, dtype=float), SCENE, form)[0, 0, ..., 0]
    beside = 255 * np.exp(-1 / (2 * (0.05 * form.resolution) ** 2))
    assert abs(float(middle[form.resolution // 2, form.resolution // 2 + 1]) - beside) <= 1


@pytest.mark.parametrize("form", FORMS)
def test_clips_come_back_as_they_were_drawn(tmp_path, form):
    tracks = some_tracks(10)
    line = render(tracks, SCENE, form, tmp_path / "clips")
    batches = list(Clips(tmp_path / "clips"))
    assert len(batches) == 1
    np.testing.assert_array_equal(batches[0].points, place(tracks, SCENE, form))
    np.testing.assert_array_equal(batches[0].video, draw(place(tracks, SCENE, form), SCENE, form))
    assert batches[0].video.dtype == np.uint8
    assert f"clips: 10 clips, {form.frames} frames of {form.resolution} x {form.resolution}" in line


def test_300_clips_are_two_shards_in_order(tmp_path):
    tracks, form = some_tracks(300), FORMS[0]
    render(tracks, SCENE, form, tmp_path / "clips")
    clips = Clips(tmp_path / "clips")
    batches = list(clips)
    assert len(clips) == 300
    assert [(batch.start, len(batch.video)) for batch in batches] == [(0, 256), (256, 44)]
    assert len({batch.sha256 for batch in batches}) == 2
    expected = place(tracks, SCENE, form)
    np.testing.assert_array_equal(np.concatenate([batch.points for batch in batches]), expected)
    np.testing.assert_array_equal(np.concatenate([batch.video for batch in batches]), draw(expected, SCENE, form))


def test_clips_tell_how_they_were_rendered(tmp_path):
    tracks = some_tracks(3)
    render(tracks, EACH, FORMS[0], tmp_path / "clips")
    assert Clips(tmp_path / "clips").meta == {
        "tracks": tracks.digest(),
        "scene": {"view": "xy", "scaling": "track", "blob": 0.05, "margin": 0.1},
        "format": {"frames": 5, "resolution": 16},
    }


def test_a_worker_that_would_draw_other_clips_is_refused(tmp_path, monkeypatch):
    some_tracks(10).save(tmp_path / "tracks.npz")
    work = ClipWork(tmp_path / "tracks.npz", SCENE, FORMS[0])
    ((task,), _) = work.open().survey("t5")
    monkeypatch.setattr("trajprobe.clips.render.CLIPS_PER_SHARD", 5)
    worker = work.open()
    with pytest.raises(UserError, match="a worker would draw other clips than were asked for"):
        worker.make(task, worker.read(task), Store.here(), lambda _: None)


def test_two_renders_have_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        render(some_tracks(10), SCENE, FORMS[0], tmp_path / name)
    assert files(tmp_path / "one") == files(tmp_path / "two")
    render(some_tracks(10, seed=1), SCENE, FORMS[0], tmp_path / "two")
    assert files(tmp_path / "one") != files(tmp_path / "two")


def test_a_render_that_fails_leaves_the_old_clips(tmp_path):
    render(some_tracks(10), SCENE, FORMS[0], tmp_path / "clips")
    before = files(tmp_path / "clips")
    tracks = some_tracks(300)
    tracks.points[299] = np.nan
    with pytest.raises(RuntimeWarning, match="invalid value"):  # in the second shard; pytest makes it an error
        render(tracks, SCENE, FORMS[0], tmp_path / "clips")
    assert files(tmp_path / "clips") == before
    assert [path.name for path in tmp_path.iterdir()] == ["clips"]


@pytest.mark.parametrize("at", [100, 600, -1])
def test_a_flipped_bit_is_refused(tmp_path, at):
    render(some_tracks(10), SCENE, FORMS[0], tmp_path / "clips")
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
from trajprobe.clips.scene import Format, Scene, draw, framing, place

params = Synthetic(clips=500, pool=1, points=60, tilt=0.5, noise=0.008, seed=0, pool_seed=1)
made = arrays(500, params, 0)
points = made["trajectories"].astype(np.float64)
box = np.stack([points.min((0, 1)), points.max((0, 1))])
times = np.random.default_rng(0).uniform(0.5, 1.0, points.shape[:2]).cumsum(1)
tracks = Tracks(points, times, np.full(500, 60), box)
form = Format(frames=7, resolution=32)
told = {"tracks": made["trajectories"], "labels": made["labels"]}
for view in ("xy", "perspective"):
    for scaling in ("track", "dataset", "robust", "none"):
        for time in ("normalised", "duration", "arc_length"):
            scene = Scene(view=view, scaling=scaling, time=time, blob=0.05, margin=0.1)
            places = place(tracks, framing(tracks, scene), scene, form)
            told[f"places {view} {scaling} {time}"] = places
            told[f"video {view} {scaling} {time}"] = draw(places[:50], scene, form)
digests = {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in told.items()}
print(json.dumps([[name for name in __cpu_dispatch__ if __cpu_features__[name]], digests]))
"""


def bytes_without(features):
    """Which dispatched features numpy has in a process without `features`, and the sha256 of what it made."""
    environment = {**os.environ, "NPY_DISABLE_CPU_FEATURES": " ".join(features)}
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
    assert not {*Scene.__struct_fields__, *Format.__struct_fields__} & set(KEYS_LOST_BY_DVC)


def test_a_format_whose_clips_or_blob_do_not_fit_into_memory_is_refused(monkeypatch):
    monkeypatch.setattr("trajprobe.files.memory.total", lambda: 10**9)
    scene = Scene(view="xy", scaling="dataset", time="normalised", blob=0.001, margin=0.1)
    form = Format(frames=100, resolution=1000)  # 300 MB a clip, and as much while it is packed
    check_memory(scene, form, 1, "here")
    with pytest.raises(
        UserError, match=r"^here: too large: needs 1\.2 GB of memory, the machine has 1\.0 GB; lower `fra"
    ):
        check_memory(scene, form, 2, "here")
    with pytest.raises(UserError, match="needs 22"):  # the blob's table
        check_memory(msgspec.structs.replace(scene, blob=0.49), Format(frames=1, resolution=1000), 1, "here")


def test_the_forecast_of_the_blobs_table_is_not_below_what_it_takes():
    sigma = 12.0
    tracemalloc.start()
    canvas.patches.__wrapped__(sigma)
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert taken / 2 < canvas.patches_size(sigma) < 2 * taken
