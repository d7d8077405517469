"""The plots' files hold the comparison's accuracies, each class's recall, and the primary row's confusion."""

import csv
from dataclasses import replace

import numpy as np
from probed import CLIPS, MANY, compared, scored

from trajprobe.report import plots


def written(folder, name):
    with (folder / name).open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_plots_hold_accuracy_recall_and_the_primarys_confusion(tmp_path):
    """150 of 200 clips are tested, 75 of either class."""
    given = replace(
        MANY, names=np.array(["left", "right", "never there"]), folds=np.where(np.arange(CLIPS) < 150, 0, -1)
    )
    parts = [scored("pretrained", "net", 180), scored("random", "net", 60, 90), scored("none", "pixels", 31)]
    found = compared(*parts, labelling=given)
    plots.write(found, "net", tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"accuracy.csv", "confusion.csv", "few_shot.csv", "recall.csv"}
    assert written(tmp_path, "few_shot.csv") == []
    accuracy = written(tmp_path, "accuracy.csv")
    assert [one["row"] for one in accuracy] == ["net pretrained hidden.tmean", "net random hidden.tmean", "pixels"]
    assert [float(one["accuracy"]) for one in accuracy] == [1, 0.5, 0.2067]
    for one, expected in zip(accuracy, found.estimates.values(), strict=True):
        assert float(one["ci_low"]) == round(expected["accuracy"].ci_low, 4)
        assert float(one["ci_high"]) == round(expected["accuracy"].ci_high, 4)
    one = {"net pretrained hidden.tmean": 1, "net random hidden.tmean": 0.5, "recall": 1}
    recall = [
        {key: value if key == "class" else float(value) for key, value in line.items()}
        for line in written(tmp_path, "recall.csv")
    ]
    assert recall == [
        {"class": "left", "pixels": round(16 / 75, 4)} | one,
        {"class": "right", "pixels": round(15 / 75, 4)} | one,
    ]
    assert [(one["actual"], one["predicted"]) for one in written(tmp_path, "confusion.csv")] == [
        (given.names[label], given.names[label]) for label in MANY.labels[:150]
    ]


def test_the_confusion_of_random_networks_is_that_of_the_first_seed(tmp_path):
    plots.write(compared(scored("random", "bare", 0, 200), primary="bare"), "bare", tmp_path)
    pairs = [(one["actual"], one["predicted"]) for one in written(tmp_path, "confusion.csv")]
    assert pairs == 100 * [("left", "right"), ("right", "left")]


def test_the_recall_of_the_primary_row_is_its_own(tmp_path):
    found = compared(scored("random", "other", 40, 60), scored("random", "bare", 100, 100), primary="bare")
    plots.write(found, "bare", tmp_path)
    for line in written(tmp_path, "recall.csv"):
        assert {key: line[key] for key in line if key != "class"} == {
            "recall": "0.5",
            "other random hidden.tmean": "0.25",
            "bare random hidden.tmean": "0.5",
        }


def test_the_few_shot_curves_have_a_point_for_each_row_and_number_of_clips(tmp_path):
    """Means over networks; a row whose curve was left out has none."""
    curves = {"few_shot": [0.6, 0.6, 0.8], "shots": [1, 2, 4], "few_shot_areas": [0.65] * 200}
    seeds = [{"few_shot": few, "few_shot_areas": [0.4] * 200} for few in ([0.2, 0.4, 0.5], [0.4, 0.4, 0.6])]
    parts = [
        scored("pretrained", "net", 180, **curves),
        scored("random", "net", 90, 92, each=seeds),
        scored("none", "pixels", 31),
    ]
    plots.write(compared(*parts), "net", tmp_path)
    points = [(line.pop("row"), *map(float, line.values())) for line in written(tmp_path, "few_shot.csv")]
    assert points == [
        *(("net pretrained hidden.tmean", shots, *[share] * 3) for shots, share in ((1, 0.6), (2, 0.6), (4, 0.8))),
        *(
            ("net random hidden.tmean", *point)
            for point in ((1, 0.3, 0.2, 0.4), (2, 0.4, 0.4, 0.4), (4, 0.55, 0.5, 0.6))
        ),
    ]


def test_perturbed_variants_are_bars_by_their_coordinates(tmp_path):
    parts = [scored("pretrained", "net", 180), scored("pretrained", "net", 120, input="middle-frame")]
    plots.write(compared(*parts), "net", tmp_path)
    bars = {one["row"]: float(one["accuracy"]) for one in written(tmp_path, "accuracy.csv")}
    assert bars == {"net pretrained hidden.tmean": 0.9, "net pretrained middle-frame hidden.tmean": 0.6}


def test_a_class_named_to_forge_a_line_stays_in_its_cell(tmp_path):
    given = replace(MANY, names=np.array(["left\n0,1", "\x1b[31mright", "third"]))
    plots.write(compared(scored("none", "pixels", 170), labelling=given, primary="pixels"), "pixels", tmp_path)
    for name in ("recall", "confusion"):
        text = (tmp_path / f"{name}.csv").read_text()
        assert r"left\n0,1" in text
        assert r"\x1b[31mright" in text
        assert all(letter.isprintable() for letter in text.replace("\n", ""))
