"""The picture of a data set: the same bytes twice, every class by its name, labels apart, nothing too dense."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from raw_sets import data_set, walks
from renderings import rendering

from trajprobe.clips.scene import draw, framing, place
from trajprobe.errors import UserError
from trajprobe.figures import data, style
from trajprobe.params import read

ROOT = Path(__file__).parents[2]
DRAWN = rendering(5, 16)


def picture(dataset, drawn=DRAWN):
    return data.picture(dataset, drawn, "t5")


def texts(figure):
    return [text.get_text() for text in figure.texts]


def panels(figure, classes):
    """The axes of the tracks of each class."""
    return figure.axes[:classes]


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_the_same_set_gives_the_same_bytes_in_another_process_too(tmp_path, ending):
    style.save(picture(walks(["a", "b"])), tmp_path / f"here.{ending}")
    script = (
        "import sys; from pathlib import Path; sys.path[:0] = sys.argv[1:3]; import test_data_picture as t\n"
        "t.style.save(t.picture(t.walks(['a', 'b'])), Path(sys.argv[3]))"
    )
    there = tmp_path / f"there.{ending}"
    subprocess.run([sys.executable, "-c", script, *map(str, (*Path(__file__).parents[:2], there))], check=True)
    assert there.read_bytes() == (tmp_path / f"here.{ending}").read_bytes()


@pytest.mark.parametrize("count", [2, 3, 20, 103])
def test_labels_do_not_overlap_and_lie_on_the_sheet_and_more_than_100_classes_are_cut(count):
    names = [f"{'a long name of a species, ' * (number % 3)}{number}" for number in range(count)]
    figure = picture(walks(names, count=2))
    renderer = FigureCanvasAgg(figure).get_renderer()
    boxes = [text.get_window_extent(renderer) for text in figure.texts]
    bounds = np.array([[box.x0, box.x1, box.y0, box.y1] for box in boxes])
    assert (bounds[:, [0, 2]] >= 0).all()
    assert (bounds[:, 1] <= figure.bbox.width).all()
    assert (bounds[:, 3] <= figure.bbox.height).all()
    apart = 1.0  # pixel
    x0, x1, y0, y1 = bounds.T
    across = np.minimum(x1[:, None], x1) - np.maximum(x0[:, None], x0)
    along = np.minimum(y1[:, None], y1) - np.maximum(y0[:, None], y0)
    overlap = (across > apart) & (along > apart) & ~np.eye(len(boxes), dtype=bool)
    assert [(texts(figure)[i], texts(figure)[j]) for i, j in np.argwhere(np.triu(overlap))] == []
    assert any("103 classes (the first 100 are shown)" in text for text in texts(figure)) == (count == 103)
    assert ("99" in texts(figure)) == (count == 103)
    assert "102" not in texts(figure)


def test_names_are_escaped_and_are_no_formulas():
    shown = texts(picture(walks(["$x$", "a\nb\u202e", "_c"])))
    assert {"$x$", r"a\nb\u202e", "_c"} <= set(shown)


def test_paths_are_where_the_clips_have_them():
    dataset = walks(["a", "b"], dimensions=3)
    figure = picture(dataset)
    for label, axes in enumerate(panels(figure, 2)):
        rows = np.flatnonzero(dataset.raw.labels == label)
        fine = rendering(data.STEPS, 1024)
        expected = place(dataset.tracks[rows], framing(dataset.tracks, fine.placement), fine).points
        lines = np.stack([line.get_xydata() for line in axes.lines[:-1]])
        np.testing.assert_array_equal(lines, expected)
        np.testing.assert_array_equal(axes.lines[-1].get_xydata(), expected[:, 0])


def test_the_frames_of_a_clip_are_its_pixels():
    dataset = walks(["a", "b"])
    strips = [axes.images[0].get_array() for axes in picture(dataset).axes if axes.images]
    assert len(strips) == 2
    for label, strip in enumerate(strips):
        row = np.flatnonzero(dataset.raw.labels == label)[:1]
        video = draw(place(dataset.tracks[row], framing(dataset.tracks, DRAWN.placement), DRAWN), DRAWN)[0]
        enlarged = 96 // 16
        frames = np.split(np.asarray(strip)[::enlarged], DRAWN.form.frames, axis=1)
        for frame, pixels in zip(frames, video, strict=True):
            np.testing.assert_array_equal(frame[:, : 16 * enlarged : enlarged], pixels)


def test_many_tracks_are_sampled_and_that_is_said():
    figure = picture(walks(["a", "b"], count=500, steps=30))
    drawn = [len(axes.lines) - 1 for axes in panels(figure, 2)]
    assert all(4 <= count <= data.TRACKS for count in drawn)
    assert any(f"at most {max(drawn)} of a class, evenly through the file" in text for text in texts(figure))
    assert any(text.startswith("all; a dot is the start") for text in texts(picture(walks(["a", "b"]))))


def test_long_scribbles_are_fewer_than_straight_lines():
    line = np.linspace(0, 1, 100)[None, :, None].repeat(80, axis=0).repeat(2, axis=2)
    scribble = np.random.default_rng(0).uniform(size=line.shape)
    arrays = {"trajectories": np.concatenate([line, scribble]), "labels": np.repeat([0, 1], 80)}
    straight, dense = (len(axes.lines) - 1 for axes in panels(picture(data_set(arrays)), 2))
    assert dense == 4
    assert straight == data.TRACKS


def test_the_bar_of_a_class_is_its_train_and_its_test_tracks():
    split = np.array(["train", "train", "test", "train"] * 2)
    figure = picture(walks(["a", "b"], split=split))
    bars = next(axes for axes in figure.axes if axes.patches and len(axes.patches) == 4)
    assert [bar.get_width() for bar in bars.patches] == [4, 2, 4, 4]
    assert any("the full part is train" in text for text in texts(figure))


def test_tracks_that_neither_move_nor_take_time_are_drawn():
    points = np.zeros((4, 5, 2))
    labels = np.array([0, 1, 0, 1])
    figure = picture(data_set({"trajectories": points, "labels": labels, "times": np.zeros((4, 5))}))
    FigureCanvasAgg(figure).draw()


def test_a_picture_is_saved_in_a_format_of_params_and_no_other(tmp_path):
    values = read(ROOT / "params.yaml")
    data.save_picture(walks(["a", "b"]), values, None, tmp_path / "a.svg")
    data.save_picture(walks(["a", "b"]), values, "t17", tmp_path / "b.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    with pytest.raises(UserError, match=r"^--clips: got 't5', expected one of t17"):
        data.save_picture(walks(["a", "b"]), values, "t5", tmp_path / "c.svg")
    with pytest.raises(UserError, match=r"expected a name that ends in \.png or \.svg"):
        data.save_picture(walks(["a", "b"]), values, None, tmp_path / "c.pdf")
    assert not (tmp_path / "c.svg").exists()


@pytest.mark.parametrize(("scaling", "time", "words"), [
    ("robust", "duration", ["which cuts what reaches furthest", "all its frames, at fixed times"]),
    ("none", "arc_length", ["in their own units, from 0 to 1", "at equal steps of its path"]),
    ("track", "normalised", ["each scaled to the frame"]),
])  # fmt: skip
def test_the_captions_say_how_clips_are_drawn(scaling, time, words):
    shown = " ".join(texts(picture(walks(["a", "b"]), rendering(5, 16, scaling=scaling, time=time))))
    assert [word for word in words if word not in shown] == []
