"""Shapes against areas: each pixel's share, by supersampling, or exactly."""

import numpy as np
import pytest
from PIL import Image
from renderings import rendering

from trajprobe.clips import images, marker, scene, shapes
from trajprobe.clips.scene import Places
from trajprobe.errors import UserError

FINE = 128


def inside(shape, radius, x, y):
    distance = np.hypot(x, y)
    if shape == "square":
        return np.maximum(np.abs(x), np.abs(y)) <= radius
    return (distance <= radius) & (distance >= (shapes.RING * radius if shape == "ring" else 0))


def supersampled(shape, radius, place, resolution):
    """The share of each pixel (h w) that a shape at `place` (column, row) covers, of 128 x 128 points in it."""
    fine = (np.arange(resolution * FINE) + 0.5) / FINE - 0.5
    covered = inside(shape, radius, fine[None] - place[0], fine[:, None] - place[1])
    return covered.reshape(resolution, FINE, resolution, FINE).mean(axis=(1, 3))


def places(points):
    points = np.asarray(points, np.float64)
    still, ones = np.zeros(points.shape, np.int64), np.ones(points.shape[:2])
    return Places(points, points, still, 0 * ones, ones, np.arange(len(points)))


@pytest.mark.parametrize("shape", ["disc", "square", "ring"])
@pytest.mark.parametrize("radius", [0.6, 1.6, 3.3, 7.5])
@pytest.mark.parametrize("scenery", [{}, {"background": {"kind": "gradient", "colour_to": [0, 0, 0]}}])
def test_every_pixel_is_within_a_grey_level_of_the_area_that_the_shape_covers(shape, radius, scenery):
    points = np.floor(np.random.default_rng(0).uniform(1, 15, (1, 3, 2)) * 8) / 8
    drawn = rendering(3, 16, marker={"shape": shape, "radius": radius / 16}, **scenery)
    assert drawn.scene.is_plain == (not scenery)  # both ways of drawing
    video = scene.draw(places(points), drawn)[0, ..., 0]
    for frame, place in zip(video, points[0], strict=True):
        assert np.abs(frame - 255 * supersampled(shape, radius, place, 16)).max() <= 1.5  # of which .5 is rounding
    exact = {"disc": np.pi, "square": 4, "ring": np.pi * (1 - shapes.RING**2)}[shape] * radius**2
    assert shapes.coverage(shape, radius).sum(axis=(2, 3)) == pytest.approx(np.full((8, 8), exact), rel=3e-3)


def test_a_colour_is_blended_with_what_is_behind_it():
    look = {"shape": "disc", "radius": 0.1, "colour": [250, 100, 7]}
    drawn = rendering(1, 32, marker=look, background={"colour": [10, 200, 90]})
    video = scene.draw(places([[[15.5, 12.25]]]), drawn)[0, 0]
    share = supersampled("disc", 3.2, (15.5, 12.25), 32)[..., None]
    assert np.abs(video - (np.array([10, 200, 90]) * (1 - share) + np.array([250, 100, 7]) * share)).max() <= 1.5
    assert (video[0, 0] == [10, 200, 90]).all()
    assert (video[12, 15] == [250, 100, 7]).all()


def test_a_marker_shows_depth_and_time():
    look = {"shape": "disc", "radius": 0.05, "colour": [200, 0, 0], "colour_to": [0, 0, 200]}
    points = np.full((1, 3, 2), 31.5)
    near = np.array([[0.0, 0.5, 1.0]])
    at = Places(points, points, np.zeros(points.shape, np.int64), near, np.array([[0.5, 1.0, 2.0]]), np.arange(1))
    video = scene.draw(at, rendering(3, 64, marker=look | {"radius_by": "depth", "colour_by": "depth"}))[0]
    areas = (video.sum(axis=3) / 200).sum(axis=(1, 2))
    np.testing.assert_allclose(areas, np.pi * 3.2**2 * np.array([0.25, 1, 4]), rtol=0.02)
    np.testing.assert_array_equal(video[:, 31, 31], [[0, 0, 200], [100, 0, 100], [200, 0, 0]])
    video = scene.draw(at, rendering(3, 64, marker=look | {"colour_by": "time"}))[0]
    np.testing.assert_array_equal(video[:, 31, 31], [[200, 0, 0], [100, 0, 100], [0, 0, 200]])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / images.FOLDER).mkdir(parents=True)
    return tmp_path / images.FOLDER


def test_a_sprite_is_the_image_shrunk_by_area_at_each_place(folder):
    pixels = np.zeros((48, 48, 4), np.uint8)
    pixels[:, :24], pixels[:, 24:] = [255, 0, 0, 255], [0, 0, 255, 255]
    Image.fromarray(pixels).save(folder / "flag.png")
    drawn = rendering(2, 32, marker={"shape": "sprite", "radius": 0.1, "image": "flag.png"})
    video = scene.draw(places([[[15.5, 15.5], [10.25, 20.0]]]), drawn)[0].astype(float)
    for frame, (x, y) in zip(video, [(15.5, 15.5), (10.25, 20.0)], strict=True):
        share = 255 * supersampled("square", 3.2, (x, y), 32)
        assert np.abs(frame.sum(axis=2) - share).max() <= 2.5
        assert (frame[:, : int(x), 2] == 0).all()  # blue is to the right
        assert (frame[:, int(x) + 2 :, 0] == 0).all()
        assert frame[..., 0].sum() == pytest.approx(share.sum() / 2, rel=0.02)


def test_a_changed_image_is_another_recipe_and_other_pixels(folder):
    drawn = rendering(1, 16, background={"kind": "image", "image": "sky.png"})
    made = []
    for colour in [(9, 9, 9), (80, 9, 9)]:
        Image.new("RGB", (40, 20), colour).save(folder / "sky.png")
        made.append((drawn.recipe(), scene.draw(places([[[-99.0, -99.0]]]), drawn)[0, 0]))
        assert (made[-1][1] == colour).all()
    assert made[0][0] != made[1][0]


def _text(path):
    path.write_text("no picture")


BAD = {
    "is missing": lambda path: None,
    "is no PNG image": _text,
    "is no PNG image, or": lambda path: Image.new("RGB", (9, 9)).save(path, "JPEG"),
    "has 5000 x 2 pixels, expected 4096": lambda path: Image.new("L", (5000, 2)).save(path),
    "has pixels of mode I;16": lambda path: Image.fromarray(np.zeros((4, 4), np.uint16)).save(path),
    "is no PNG image, or a damaged one": lambda path: (
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(path),
        path.write_bytes(path.read_bytes()[:3000]),
    ),
}


@pytest.mark.parametrize("words", BAD)
def test_an_image_that_will_not_do_is_refused_in_a_line(folder, words):
    BAD[words](folder / "a.png")
    with pytest.raises(UserError) as caught:
        images.check("a.png", "params.yaml: `scenes.x`, at `marker`")
    assert str(caught.value).startswith("params.yaml: `scenes.x`, at `marker`: data/scenes/a.png ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["../a.png", "a.jpg", "a/b.png", ""])
def test_an_image_is_a_name_of_a_png_in_its_folder(folder, name):
    with pytest.raises(UserError, match=r"^here: got image .* expected the name of a \.png file in data/scenes"):
        images.check(name, "here")


@pytest.mark.parametrize("mode", images.MODES)
def test_images_of_eight_bits_of_any_mode_are_taken(folder, mode):
    Image.new(mode, (5, 3)).save(folder / "a.png")
    images.check("a.png", "params.yaml: `scenes.x`, at `marker`")
    assert images.covering("a.png", 16).shape == (16, 16, 3)


@pytest.mark.parametrize("part", [
    {"marker": {"shape": "sprite"}},
    {"marker": {"image": "a.png"}},
    {"marker": {"shape": "sprite", "image": "a.png", "colour": [1, 2, 3]}},
    {"background": {"kind": "image"}},
    {"background": {"kind": "noise", "image": "a.png"}},
    {"camera": {"position": [1, 0, 0]}},
    {"camera": {"view": "perspective", "position": [1, 0, 0], "target": [1, 0, 0]}},
    {"camera": {"view": "perspective", "field_of_view": 0.5}},
])  # fmt: skip
def test_keys_that_contradict_are_refused(folder, part):
    Image.new("RGB", (4, 4)).save(folder / "a.png")
    with pytest.raises(UserError, match=r"^here, at `\w+`: got .*(expected|take)"):
        rendering(1, 16, **part).scene.check("here")


def test_tables_of_patches_are_kept_and_fixed():
    table = marker.patches(marker.Marker(shape="ring"), 2.0, (0, 0, 0))
    assert table is marker.patches(marker.Marker(shape="ring"), 2.0, (0, 0, 0))
    assert not table.flags.writeable
