"""The plots' files hold the comparison's accuracies, each class's recall, and the primary row's confusion."""

import csv
from dataclasses import replace

import numpy as np
from probed import CLIPS, MANY, params, scored

from trajprobe.compare.comparison import compare
from trajprobe.report import plots


def written(folder, name):
    with (folder / name).open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_plots_hold_accuracy_recall_and_the_primarys_confusion(tmp_path):
    """150 of 200 clips are tested, 75 of either class."""
    given = replace(
        MANY, names=np.array(["left", "right", "never there"]), folds=np.where(np.arange(CLIPS) < 150, 0, -1)
    )
    probes = [scored("pretrained", "net", 180), scored("random", "net", 60, 90), scored("controls", "pixels", 31)]
    found = compare(probes, {}, given, params())
    plots.write(found, "net", tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"accuracy.csv", "confusion.csv", "few_shot.csv", "recall.csv"}
    assert written(tmp_path, "few_shot.csv") == []
    accuracy = written(tmp_path, "accuracy.csv")
    assert [one["row"] for one in accuracy] == ["net (pretrained)", "net (random)", "pixels (controls)"]
    assert [float(one["accuracy"]) for one in accuracy] == [1, 0.5, 0.2067]
    for one, expected in zip(accuracy, found.accuracies.values(), strict=True):
        assert float(one["ci_low"]) == round(expected.ci_low, 4)
        assert float(one["ci_high"]) == round(expected.ci_high, 4)
    one = {"net (pretrained)": 1, "net (random)": 0.5, "recall": 1}
    recall = [
        {key: value if key == "class" else float(value) for key, value in line.items()}
        for line in written(tmp_path, "recall.csv")
    ]
    assert recall == [
        {"class": "left", "pixels (controls)": round(16 / 75, 4)} | one,
        {"class": "right", "pixels (controls)": round(15 / 75, 4)} | one,
    ]
    assert [(one["actual"], one["predicted"]) for one in written(tmp_path, "confusion.csv")] == [
        (given.names[label], given.names[label]) for label in MANY.labels[:150]
    ]


def test_the_confusion_of_an_untrained_row_is_its_first_seeds(tmp_path):
    plots.write(compare([scored("random", "bare", 0, 200)], {}, MANY, params("bare")), "bare", tmp_path)
    pairs = [(one["actual"], one["predicted"]) for one in written(tmp_path, "confusion.csv")]
    assert pairs == 100 * [("left", "right"), ("right", "left")]


def test_the_recall_of_the_primary_row_is_its_own(tmp_path):
    found = compare([scored("random", "other", 40, 60), scored("random", "bare", 100, 100)], {}, MANY, params("bare"))
    plots.write(found, "bare", tmp_path)
    for line in written(tmp_path, "recall.csv"):
        assert {key: line[key] for key in line if key != "class"} == {
            "recall": "0.5",
            "other (random)": "0.25",
            "bare (random)": "0.5",
        }


def test_the_few_shot_curves_have_a_point_for_each_row_and_number_of_clips(tmp_path):
    """Means over draws and networks; a row whose curve was left out has none."""
    curves = {"few_shot": [[0.5, 0.6, 0.7], [0.7, 0.6, 0.9]], "shots": [1, 2, 4]}
    seeds = [{"few_shot": [[0.2, 0.4, 0.5]]}, {"few_shot": [[0.4, 0.4, 0.6]]}]
    probes = [
        scored("pretrained", "net", 180, **curves),
        scored("random", "net", 90, 92, each=seeds),
        scored("controls", "pixels", 31),
    ]
    plots.write(compare(probes, {}, MANY, params()), "net", tmp_path)
    points = [(one["row"], int(one["clips"]), float(one["accuracy"])) for one in written(tmp_path, "few_shot.csv")]
    assert points == [
        *(("net (pretrained)", clips, share) for clips, share in ((1, 0.6), (2, 0.6), (4, 0.8))),
        *(("net (random)", clips, share) for clips, share in ((1, 0.3), (2, 0.4), (4, 0.55))),
    ]
