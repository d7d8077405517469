"""The table tells every row and difference, its notes what is off, and the plots' files hold the same numbers."""

import csv

import numpy as np
import pytest

from trajprobe.probes.files import NetworkProbe, RowProbe
from trajprobe.statistics import plots
from trajprobe.statistics.compare import Compare, compare
from trajprobe.statistics.table import headline, notes, table
from trajprobe.trajectories.labelling import Labelling

CLIPS = 200
LABELS = np.arange(CLIPS) % 2
PARAMS = Compare(primary="net", draws=200, confidence=0.95, seed=0)
UNTRAINED = Compare(primary="bare", draws=200, confidence=0.95, seed=0)


def labelling():
    return Labelling(LABELS, np.array(["left", "right"]), np.arange(CLIPS), LABELS.copy() * 0, "t1", 0)


def guesses(right):
    """Guesses of which the first `right` are right."""
    return np.where(np.arange(CLIPS) < right, LABELS, 1 - LABELS).tolist()


def row(kind, name, *right, chosen=(1.0, 1.0), permuted=(), at_edge=0, **changed):
    networks = [
        NetworkProbe(guesses(one), list(chosen), list(permuted), [], guesses(one), [], [], at_edge) for one in right
    ]
    told = {"tracks": "t1", "shape": [5, 32], "pca": 0, "frames": 17, "trained_frames": None}
    told |= {"classifier": "logistic", "equal_dimensions": 32, "shots": [], "coded_clips": CLIPS, "uniform_bits": 0.0}
    return RowProbe(row=name, kind=kind, networks=networks, **{"family": name} | told | changed)


LEAK = (
    "Permuted labels score above chance: test clips stand in train as well, as duplicates or in groups that "
    "the split parts, or the probe leaks: "
)
TRAINED = row("pretrained", "net", 180, trained_frames=17)
RANDOM = row("random", "net", 140, 142, 138)
NOISE = row("controls", "noise", 102)


def compared(*probes, of=None, params=PARAMS):
    return compare([*probes], of or {}, labelling(), params)


def noted(*probes, **changed):
    return list(notes(compared(*probes, **changed)))


def test_a_clean_run_needs_no_note():
    honest = row("controls", "noise", 115, permuted=(0.5, 0.55, 0.47))
    assert noted(TRAINED, RANDOM, honest) == []
    text = table(compared(TRAINED, RANDOM, honest), "set", PARAMS, [], [])
    assert "To know" not in text
    assert "Before" not in text
    assert text.endswith("|\n")


@pytest.mark.parametrize(
    ("probe", "note"),
    [
        (
            row("pretrained", "net", 180, trained_frames=16),
            "net (pretrained): clips of 17 frames; its weights know 16.",
        ),
        (
            row("pretrained", "net", 180, permuted=[0.58] * 20),
            f"{LEAK}net (pretrained) 58.0 %.",
        ),
        (
            row("pretrained", "net", 180, pca=100, shape=[17, 1024]),
            "net (pretrained): 17,408 dimensions, reduced to 100 by PCA within train.",
        ),
        (
            row("pretrained", "net", 180, chosen=(1.0, 100.0, 100.0), at_edge=2),
            "net (pretrained): 2 of 3 folds chose an edge of the grid of `probe.logistic`, where it was better; "
            "widen it.",
        ),
        (
            row("pretrained", "net", 180, chosen=(3.0, 1.0), at_edge=2, classifier="knn"),
            "net (pretrained): 2 of 2 folds chose an edge of the grid of `probe.knn`, where it was better; widen it.",
        ),
    ],
)
def test_what_is_off_with_a_row_is_noted(probe, note):
    assert noted(probe, RANDOM) == [note]


@pytest.mark.parametrize(
    "probe",
    [
        row("pretrained", "net", 180, permuted=[0.51] * 20),
        row("pretrained", "net", 180, permuted=[0.3] * 20),
        row("pretrained", "net", 180, permuted=[0.58]),  # as good a single run is no wonder
        row("pretrained", "net", 180, chosen=(1.0, 100.0), at_edge=1),
        row("pretrained", "net", 105, chosen=(0.01, 0.01), at_edge=2),  # at chance no C is better than another
        row("pretrained", "net", 180, trained_frames=None),
    ],
)
def test_what_is_well_is_not(probe):
    assert noted(probe, RANDOM) == []


@pytest.mark.parametrize(("right", "alarms"), [(100, 0), (121, 0), (122, 1), (200, 1), (20, 0)])
def test_noise_above_chance_by_more_than_one_in_a_thousand_is_noted(right, alarms):
    """Chance is 100 +- 7.07 of 200; the normal tail beyond 3.09 deviations, 121.85, is 0.001."""
    found = noted(TRAINED, RANDOM, row("controls", "noise", right))
    assert len(found) == alarms
    assert all(f"noise (control): noise scores {right / 2:.1f} %, above chance" in note for note in found)


def test_another_control_may_be_above_chance():
    assert noted(TRAINED, RANDOM, row("controls", "pixels", 170)) == []


def test_rows_whose_permuted_labels_score_above_chance_share_a_note():
    leaky = row("controls", "pixels", 170, permuted=[0.6] * 5)
    found = noted(row("pretrained", "net", 180, permuted=[0.58] * 20), RANDOM, leaky)
    assert found == [f"{LEAK}net (pretrained) 58.0 %, pixels (control) 60.0 %."]


def test_permuted_runs_of_all_seeds_count():
    """0.535 in the mean of 18 runs is 4.2 deviations above chance; in that of the first seed's 6, 2.4."""
    leaky = row("random", "net", 140, 142, 138, permuted=[0.535] * 6)
    assert len(noted(TRAINED, leaky)) == 1


def shuffled(right):
    return row("controls", "net-shuffled", right, trained_frames=17)


def test_the_share_of_the_gain_that_a_trained_control_has_is_noted():
    found = noted(TRAINED, RANDOM, shuffled(170), of={"net-shuffled": "net"})
    assert found == ["75 % of the gain of net over random is there in net-shuffled as well."]


@pytest.mark.parametrize(
    ("trained", "control"),
    [(TRAINED, 140), (TRAINED, 120), (row("pretrained", "net", 141, trained_frames=17), 141)],
)
def test_a_share_of_no_gain_is_not(trained, control):
    assert noted(trained, RANDOM, shuffled(control), of={"net-shuffled": "net"}) == []


def test_a_gain_of_exactly_nothing_is_no_error():
    nothing = row("pretrained", "net", 140, trained_frames=17)
    assert noted(nothing, row("random", "net", 140, 140), shuffled(170), of={"net-shuffled": "net"}) == []


def lines(text):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]


def test_the_table_tells_rows_in_order_and_differences():
    bare = row("random", "bare", 150, 151)
    pixels = row("controls", "pixels", 170, permuted=(0.5, 0.52), shape=[17, 1024])
    found = compared(NOISE, bare, RANDOM, TRAINED, pixels)
    text = table(found, "my-set", PARAMS, [], [])
    assert text.startswith(
        "Data set `my-set`: 200 tested clips in 200 groups, 2 classes, chance 50.0 % (the most frequent class)."
    )
    assert "with 95 % intervals" in text
    cells = lines(text)
    rows, differences = cells[2:7], cells[9:]
    assert [one[:2] for one in rows] == [
        ["net", "pretrained"],
        ["net", "random, 3 seeds"],
        ["bare", "random, 2 seeds"],
        ["pixels", "control"],
        ["noise", "control"],
    ]
    accuracy = found.entries["pretrained", "net"].accuracy
    assert rows[0][2:] == [
        "5 x 32",
        f"90.0 [{100 * accuracy.ci_low:.1f}, {100 * accuracy.ci_high:.1f}]",
        "90.0",
        f"{100 * found.entries['pretrained', 'net'].scores['macro_f1']:.1f}",
        "",
    ]
    assert rows[3][2] == "17 x 1024"
    assert rows[3][-1] == "51.0"
    assert [one[0] for one in differences] == [
        "**net: pretrained minus random**",
        "net minus noise",
        "net minus pixels",
    ]
    gain = found.gains["net"]
    assert differences[0][1] == f"**+20.0 [{100 * gain.ci_low:+.1f}, {100 * gain.ci_high:+.1f}]**"
    assert differences[2][1].startswith("+5.0 [+")


def test_notes_end_the_table():
    wide = row("pretrained", "net", 180, pca=100, shape=[17, 1024])
    text = table(compared(wide, RANDOM), "set", PARAMS, [], ["One more."])
    note = "- net (pretrained): 17,408 dimensions, reduced to 100 by PCA within train.\n- One more.\n"
    assert text.endswith(f"|\n\nTo know when reading it:\n\n{note}")


def test_what_the_guards_found_stands_above_all_numbers():
    plain = table(compared(TRAINED, RANDOM), "set", PARAMS, [], [])
    text = table(compared(TRAINED, RANDOM), "set", PARAMS, ["Copies.", "Uneven."], [])
    assert text == f"Before you read it:\n\n- Copies.\n- Uneven.\n\n{plain}"


def test_the_headline_is_a_line():
    found = compared(TRAINED, RANDOM)
    gain = found.gains["net"]
    expected = (
        f"net: pretrained 90.0 %, random 70.0 %, gain +20.0 [{100 * gain.ci_low:+.1f}, {100 * gain.ci_high:+.1f}]"
    )
    assert headline(found, PARAMS) == expected
    bare = compared(row("random", "bare", 150, 151), params=UNTRAINED)
    assert headline(bare, UNTRAINED) == "bare: random 75.2 %"


def written(folder, name):
    with (folder / name).open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_plots_hold_accuracy_recall_and_the_primarys_confusion(tmp_path):
    names = np.array(["left", "right", "never there"])
    folds = np.where(np.arange(CLIPS) < 150, 0, -1)
    given = Labelling(LABELS, names, np.arange(CLIPS), folds, "t1", 0)
    found = compare([TRAINED, row("random", "net", 60, 90), row("controls", "pixels", 31)], {}, given, PARAMS)
    plots.write(found, "net", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["accuracy.csv", "confusion.csv", "recall.csv"]
    accuracy = written(tmp_path, "accuracy.csv")
    assert [one["row"] for one in accuracy] == ["net (pretrained)", "net (random)", "pixels (controls)"]
    assert [float(one["accuracy"]) for one in accuracy] == [1, 0.5, 0.2067]
    for one, entry in zip(accuracy, found.entries.values(), strict=True):
        assert float(one["ci_low"]) == round(entry.accuracy.ci_low, 4)
        assert float(one["ci_high"]) == round(entry.accuracy.ci_high, 4)
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
        (names[label], names[label]) for label in LABELS[:150]
    ]


def test_the_confusion_of_an_untrained_row_is_its_first_seeds(tmp_path):
    found = compared(row("random", "bare", 0, 200), params=UNTRAINED)
    plots.write(found, "bare", tmp_path)
    pairs = [(one["actual"], one["predicted"]) for one in written(tmp_path, "confusion.csv")]
    assert pairs == 100 * [("left", "right"), ("right", "left")]
