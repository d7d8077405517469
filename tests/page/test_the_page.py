"""What stands on the page: the verdict in words, the sections that a run has something for, and the same bytes."""

import contextlib
import csv
import io
import re

import made_up
import numpy as np
import pytest

from trajprobe.errors import UserError
from trajprobe.page import building, words
from trajprobe.page.contents import Material, sections
from trajprobe.page.curves import robustness, robustness_curves
from trajprobe.page.forest import attentive
from trajprobe.page.layers import layer_map
from trajprobe.page.leftovers import remove_leftovers
from trajprobe.page.run_results import RunResults

ALL = (
    *("before", "scores", "differences", "clips", "few-labels", "confusion", "errors", "arrow-of-time", "cost"),
    *("features", "pretraining", "tokens", "table", "provenance"),
)


def run(top, *arguments, **changed):
    """The results of a made-up run, read where it is."""
    top.mkdir(exist_ok=True)
    values = made_up.write(top, *arguments, **changed)
    with contextlib.chdir(top):
        return Material(RunResults.of(values), values)


def names(top, material):
    with contextlib.chdir(top):
        return [section.name for section in sections(material)]


def built(top, *arguments, png=lambda svg: b"", **changed):
    """The page of a made-up run; PNGs of its figures, which take most of the time, are made where `png` does."""
    values = made_up.write(top, *arguments, **changed)
    with contextlib.chdir(top), pytest.MonkeyPatch.context() as patch:
        patch.setattr(building, "png", png)
        building.build(values)
    return (top / building.PAGE).read_text()


def test_the_sections_stand_in_the_order_of_the_question(tmp_path):
    assert names(tmp_path, run(tmp_path)) == list(ALL)


def test_clips_stand_in_the_order_of_the_classes(tmp_path):
    """In the file of the pictures, label 10 stands before label 2."""
    classes = [f"class {number}" for number in range(12)]
    material = run(tmp_path, classes, 60)
    with contextlib.chdir(tmp_path):
        (clips,) = (section for section in sections(material) if section.name == "clips")
    assert [group["name"] for group in clips.data["groups"]] == classes


def test_what_a_run_has_beyond_the_default_has_its_section(tmp_path):
    more = {"layers": ("layers", 2), "attentive": ("attentive", True), "robustness": ("clutter", True)}
    for name, (key, value) in more.items():
        expected = [*ALL[: ALL.index("arrow-of-time")], name, *ALL[ALL.index("arrow-of-time") :]]
        assert names(tmp_path / name, run(tmp_path / name, **{key: value})) == expected


@pytest.mark.parametrize(
    ("left_out", "changed"),
    [
        (["few-labels"], {"few_shot": False}),
        (["arrow-of-time"], {"arrow": False}),
        (["errors"], {"bits": False}),
        (["tokens"], {"tokens": False}),
        (["arrow-of-time"], {"controls": ()}),
        (["cost", "pretraining", "tokens"], {"networks": 0}),
    ],
)
def test_what_a_run_does_not_have_is_left_out(tmp_path, left_out, changed):
    assert names(tmp_path, run(tmp_path, **changed)) == [name for name in ALL if name not in left_out]


@pytest.mark.parametrize(
    ("verdict", "answer"),
    [
        (1, "Yes, by 60.0 points of accuracy"),
        (-1, "No, it does harm: 20.0 points worse than random weights"),
        ("equal", "No: pretrained and random weights are practically equal, 60.0 points apart"),
        (0, "Not shown: +60.0 points could be chance"),
        (None, "Not judged: 60.0 points apart, with too few clips or groups to say more"),
    ],
)
def test_the_answer_is_that_of_the_verdict(tmp_path, verdict, answer):
    results = run(tmp_path, verdict=verdict).results
    assert words.answer(results) == answer
    sentence = words.evidence(results)
    assert "gets 90.0 % of 40 clips right; of the same network with random weights, 30.0 %" in sentence
    if verdict is None:
        assert sentence.endswith("there are too few clips or groups for a test.")
    else:
        assert "p < 0.0001; this run would have detected 8.3 points in 8 of 10 repeats." in sentence


def test_without_a_gain_the_answer_is_the_score(tmp_path):
    results = run(tmp_path, networks=0).results
    assert words.question(results) == "How well do features of pixels tell 2 classes of motion apart?"
    assert words.answer(results) == "45.0 % of clips are classified correctly, where 50.0 % is chance"
    assert [tile[0] for tile in words.tiles(results)] == ["pixels", "chance"]


def test_uneven_classes_are_judged_by_their_balanced_accuracy(tmp_path):
    results = run(tmp_path, metric="balanced_accuracy").results
    assert "balanced accuracy, since classes are uneven" in words.evidence(results)
    assert results.chance == 0.5


def test_rows_are_named_by_how_they_compare_with_the_primary_one(tmp_path):
    assert words.against_others(run(tmp_path, networks=9, controls=("pixels",)).results) == [
        "It is better than pixels (+63.0).",
        "It is practically equal to net-1 (+1.0), net-2 (+1.0), net-3 (+1.0), net-4 (+1.0), net-5 (+1.0), net-6 (+1.0) "
        "and 2 more rows.",
    ]


def test_what_else_has_the_gain_is_said_beside_it(tmp_path):
    results = run(tmp_path, networks=2).results
    assert words.shares_of_gain(results) == []
    for line, share in zip(results.lines[2:4], (0.13, 0.92), strict=True):
        line.numbers["difference"] = made_up.judged(0.1, reference="net-0 x", share_of_gain=made_up.ends(share, 0.1))
    assert words.shares_of_gain(results) == [
        "Of this gain, shuffled-frames has 13 % (3 to 23) and net-1 has 92 % (82 to 102).",
    ]
    results.lines[2].numbers["difference"]["share_of_gain"]["ci_low"] = -0.01  # perhaps nothing is left
    assert words.shares_of_gain(results) == ["Of this gain, net-1 has 92 % (82 to 102)."]


def test_lines_stand_as_in_the_table_primary_row_first_and_controls_last(tmp_path):
    lines = run(tmp_path, networks=2).results.lines
    assert [line.name for line in lines] == [
        *("net-0 pretrained", "net-0 random, 2 seeds", "net-0 shuffled-frames"),
        *("net-1 pretrained", "net-1 random, 2 seeds", "net-1 shuffled-frames"),
        *("pixels", "kinematics"),
    ]


def test_a_row_of_several_layers_is_the_line_of_those_that_folds_chose_and_has_a_map(tmp_path):
    alone, several = (run(tmp_path / name, **more).results for name, more in (("a", {}), ("b", {"layers": 3})))
    assert [line.name for line in several.lines] == [line.name for line in alone.lines]
    assert [each.name for each in several.differences] == [each.name for each in alone.differences]
    assert (several.main.layer, several.main.features_layer) == ("chosen", "hidden-0.tmean")
    assert [line.layer for line in several.layers[:6]] == [
        f"hidden-{number}.{pooling}" for number in range(3) for pooling in ("mean", "tmean")
    ]
    assert len(several.layers) == 3 * 6
    assert alone.layers == []
    svg = layer_map(several, 800.0).svg("")
    shown = re.findall(r">([^<>]+)</text>", svg)
    assert shown.count("hidden-2") == 1
    for line in several.layers:
        assert f"{100 * line.score.mean:.1f}" in shown
    assert svg.count("chosen by 4 folds") == svg.count("chosen by 1 folds") == 3


def test_attentive_probes_have_a_section_and_no_line_among_the_others(tmp_path):
    alone, both = (run(tmp_path / name, **more).results for name, more in (("a", {}), ("b", {"attentive": True})))
    assert [line.name for line in both.lines] == [line.name for line in alone.lines]
    assert [line.what for line in both.attentive] == ["pretrained", "random"]
    shown = re.findall(r">([^<>]+)</text>", attentive(both, 800.0).svg(""))
    assert shown.count("better") == 1


def test_robustness_has_a_curve_of_each_probe_over_the_levels_of_clutter(tmp_path):
    results = run(tmp_path / "run", clutter=True).results
    curves = robustness_curves(results)
    assert [(curve.name, curve.dashed) for curve in curves[:4]] == [
        ("net-0 pretrained", False),
        ("net-0 pretrained, fitted", True),
        ("net-0 random", False),
        ("net-0 random, fitted", True),
    ]
    assert [curve.name for curve in curves[4:]] == ["pixels", "pixels, fitted", "kinematics", "kinematics, fitted"]
    plain = results.main.score.mean
    np.testing.assert_allclose(curves[0].points, [(0, plain), (0.5, plain * 0.875), (2, plain * 0.5)], atol=1e-4)
    assert curves[0].band
    assert not curves[1].band
    shown = re.findall(r">([^<>]+)</text>", robustness(results, 800.0).svg(""))
    assert {"0", "0.5", "2", "level of clutter", "chance"} <= set(shown)
    assert words.clips(["plain", "clutter-2"]).endswith("lack. The last one has the most clutter in its way.")
    assert words.clips(["plain", "middle-frame"]).endswith("rows lack.")
    assert "over all levels, pretrained keeps 67.5 % and random 22.5 %" in words.robustness(results)


def test_the_same_results_give_the_same_bytes(tmp_path):
    first = built(tmp_path, png=building.png)
    figures = {path.name: path.read_bytes() for path in (tmp_path / building.FIGURES).iterdir()}
    assert built(tmp_path, png=building.png) == first
    assert {path.name: path.read_bytes() for path in (tmp_path / building.FIGURES).iterdir()} == figures
    assert {name.partition(".")[0] for name in figures} == set(ALL) - {
        *("before", "clips", "errors", "tokens", "table", "provenance"),
    }


def test_nothing_of_the_machine_stands_on_it(tmp_path):
    page = built(tmp_path)
    assert "cpu-avx2" not in page
    assert str(tmp_path) not in page
    assert not re.search(r"20\d\d-\d\d-\d\d", page)


def test_all_findings_and_notes_stand_on_it_those_that_are_grave_first(tmp_path):
    page = built(tmp_path, findings=["Found <it>."], notes=["Use `more`.", "Away from chance: noise."])
    warnings, notes = page.partition('class="notes"')[::2]
    assert "<li>Found &lt;it&gt;.</li>" in warnings
    assert "<li>Away from chance: noise.</li>" in warnings
    assert "<li>Use <code>more</code>.</li>" in notes


def test_weights_have_their_sha256_licence_and_origin(tmp_path):
    page = built(tmp_path, licence="Free & easy")
    assert f'<code class="hash">{"a" * 64}</code>' in page
    assert "Free &amp; easy" in page
    assert "made up" in page


def test_numbers_are_saved_as_csv(tmp_path):
    material = run(tmp_path)
    with contextlib.chdir(tmp_path):
        (table,) = [part.data["table"] for part in sections(material) if part.name == "table"]
    rows = list(csv.DictReader(io.StringIO(made_up.decoded(table.csv))))
    assert [row["row"] for row in rows] == [line.row for line in material.results.lines]
    assert (rows[0]["accuracy.mean"], rows[0]["arrow_of_time.mean"]) == ("0.9", "")
    differences = list(csv.DictReader(io.StringIO(made_up.decoded(table.differences))))
    assert differences[0] == {
        "difference": "net-0: pretrained minus random", "mean": "0.6", "ci_low": "0.56", "ci_high": "0.64",
        "p": "3e-05", "verdict": "better", "smallest_detectable": "0.083",
    }  # fmt: skip


def test_a_hundred_classes_and_many_rows_stay_small(tmp_path):
    page = built(tmp_path, [f"class {number}" for number in range(100)], 300, 12, ("pixels", "kinematics"))
    assert len(page) < 5_000_000
    assert "<summary>80 more classes</summary>" in page


def test_results_that_are_not_there_are_refused_in_a_line(tmp_path):
    values = made_up.write(tmp_path)
    (tmp_path / "metrics/details.json").unlink()
    with contextlib.chdir(tmp_path), pytest.raises(UserError, match="dvc repro compare"):
        building.build(values)


def test_pictures_of_other_rows_are_removed_where_dvc_has_them(tmp_path, monkeypatch, lock_output):
    monkeypatch.chdir(tmp_path)
    made_up.write(tmp_path, networks=2)
    (tmp_path / "data/pictures/mine").mkdir()
    (tmp_path / "data/pictures/mine/photo.webp").write_bytes(b"mine")
    lock_output("data/pictures/net-0")
    lock_output("data/pictures/net-1")
    remove_leftovers(["net-0", "pixels", "kinematics"])
    assert sorted(path.name for path in (tmp_path / "data/pictures").iterdir()) == [
        *("kinematics", "mine", "net-0", "pixels"),
    ]
