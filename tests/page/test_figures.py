"""Figures: scales, text that fits, places of dots, and shares that are those of the predictions."""

import re

import numpy as np
import pytest
from made_up import judged

from trajprobe.files.labelling import Labelling
from trajprobe.page import confusion, feature_map, theme
from trajprobe.page.building import png
from trajprobe.page.confusion import Predictions
from trajprobe.page.graphic import NARROW, WIDE, Graphic, fitted, width
from trajprobe.page.run_results import Judged
from trajprobe.page.scales import Scale, outward, round_step, spread


def test_a_scale_has_round_ticks():
    scale = Scale(-0.2, 0.8, 0, 100)
    assert scale(0.3) == 50
    assert scale.within(2) == 100
    assert scale.ticks(5) == pytest.approx([-0.2, 0, 0.2, 0.4, 0.6, 0.8])
    assert (round_step(0.11), round_step(0.5), round_step(3)) == pytest.approx((0.2, 0.5, 5))
    assert outward(-0.013, 0.71) == pytest.approx((-0.1, 0.8))


def test_names_that_would_overlap_are_moved_as_little_as_it_takes():
    assert spread([10, 50], 14, 0, 100) == [10, 50]
    assert spread([50, 50], 14, 0, 100) == [43, 57]
    assert spread([1, 0, 2], 10, 0, 100) == [10, 0, 20]
    assert spread([99, 98], 10, 0, 100) == [100, 90]
    crowded = sorted(spread([5.0] * 6 + [40.0, 41.0], 10, 0, 100))
    assert min(np.diff(crowded)) >= 10 - 1e-9


def test_text_is_cut_in_its_middle_to_the_room_it_has():
    assert fitted("short", 100) == "short"
    cut = fitted("a name that is much too long for its place", 100)
    assert cut.startswith("a na")
    assert cut.endswith("place")
    assert width(cut) <= 100


def test_a_figure_alone_has_light_colours_and_letters_of_its_font():
    page, alone = Graphic(WIDE), Graphic(WIDE, alone=True)
    for graphic in (page, alone):
        graphic.text(0, 10, "<b> & \N{ROCKET}", "random")
        graphic.high = 20
    assert "&lt;b&gt; &amp; \N{ROCKET}" in page.svg("label")
    assert r"\U0001f680" in alone.svg("label")
    assert f".f-random{{fill:{theme.LIGHT['random']}}}" in alone.svg("label")
    assert png(alone.svg("label")).startswith(b"\x89PNG")


def test_letters_are_drawn_as_png_whatever_the_machine_has():
    graphic = Graphic(100, alone=True)
    graphic.high = 20
    empty = png(graphic.svg("x"))
    graphic.text(0, 15, "letters", bold=True)
    assert len(png(graphic.svg("x"))) > len(empty) + 200


def predictions(*predicted, names=("a", "b", "c"), labels=(0, 0, 1, 1, 2), bits=None):
    labels, predicted = np.array(labels), np.array(predicted)
    return Predictions(list(names), np.arange(len(labels)) + 10, labels, predicted, bits)


def test_shares_of_a_confusion_are_those_of_each_class_over_all_networks():
    of = predictions([0, 1, 1, 1, 2], [0, 1, 1, 2, 2])
    assert of.shares.tolist() == [[0.5, 0.5, 0], [0, 0.75, 0.25], [0, 0, 1]]
    assert confusion.most_confused(of) == ("a", "b", 0.5)
    assert confusion.most_confused(predictions([0, 0, 1, 1, 2])) is None


def test_the_worst_errors_are_wrong_in_all_networks_and_have_the_longest_codes():
    bits = np.array([9.0, 3.0, 1.0, 2.0, 8.0])
    of = predictions([0, 1, 2, 2, 1], [1, 1, 2, 0, 1], bits=bits)
    assert [(error.clip, error.label, error.predicted, error.bits) for error in of.worst()] == [
        (14, "c", "b", 8.0),
        (11, "a", "b", 3.0),
        (13, "b", "a", 2.0),
        (12, "b", "c", 1.0),
    ]
    assert predictions([0, 1, 2, 2, 1]).worst() == []


def test_only_tested_clips_are_counted(monkeypatch):
    labelling = Labelling(np.array([0, 1, 0]), np.array(["a", "b"]), np.arange(3), np.array([-1, 0, 1]), "t", 0)
    network = type("Network", (), {"predictions": [-1, 1, 1], "code_bits": [5.0, 1.0, 2.0]})
    monkeypatch.setattr(confusion, "_variant", lambda _: type("Probe", (), {"networks": [network]}))
    of = Predictions.of(None, labelling)
    assert (of.clips.tolist(), of.predicted.tolist(), of.bits.tolist()) == ([1, 2], [[1, 1]], [1.0, 2.0])


@pytest.mark.parametrize("count", [2, 12, 30, 100])
@pytest.mark.parametrize("wide", [WIDE, NARROW])
def test_a_confusion_of_any_size_stays_within_its_width(count, wide):
    names = [f"a class with a long name {number}" for number in range(count)]
    labels = np.arange(count)
    of = Predictions(names, labels, labels, np.roll(labels, 1)[np.newaxis], None)
    graphic = confusion.confusion(of, wide)
    assert max(float(x) for x in re.findall(r'x2="([\d.]+)"', "".join(graphic.parts))) <= wide
    cells = re.findall(r"M([\d.]+) [\d.]+h([\d.]+)", "".join(graphic.parts))
    assert len(cells) == count
    assert max(float(x) + float(side) for x, side in cells) <= wide + 0.5


@pytest.mark.parametrize("shape", [(60, 5), (20, 50), (30, 1)])
def test_the_plane_of_features_is_that_of_their_singular_vectors(shape):
    features = np.random.default_rng(0).standard_normal(shape).astype(np.float32) * np.arange(1, shape[1] + 1)
    places, explained = feature_map.principal_plane(features.astype(np.float32))
    standardised = (features - features.mean(axis=0)) / features.std(axis=0)
    u, s, _ = np.linalg.svd(standardised, full_matrices=False)
    expected = (u * s)[:, :2] / np.abs((u * s)[:, :2]).max()
    for axis in range(expected.shape[1]):
        sign = np.sign(expected[np.abs(expected[:, axis]).argmax(), axis])
        assert places[:, axis] == pytest.approx(sign * expected[:, axis], abs=1e-3)
    assert explained == pytest.approx((s[:2] ** 2).sum() / (s**2).sum(), abs=1e-6)


def test_features_that_do_not_vary_have_a_place_all_the_same():
    places, _ = feature_map.principal_plane(np.ones((4, 3), dtype=np.float32))
    assert places.tolist() == [[0, 0]] * 4


def test_thirty_classes_have_a_mark_each():
    assert len({feature_map.colour_of(label) for label in range(30)}) == 30


@pytest.mark.parametrize(
    ("verdict", "shown"),
    [(1, "better"), (-1, "worse"), ("equal", "practically equal"), (0, "not distinguishable"), (None, "not judged")],
)
def test_a_verdict_is_said_in_the_words_of_the_table(verdict, shown):
    assert Judged("a minus b", "row", judged(0.1, verdict)).verdict == shown
