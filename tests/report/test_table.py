"""The table tells every row and difference in its order, what the guards found above it and the notes below."""

from dataclasses import replace

import numpy as np
import pytest
from probed import CLIPS, MANY, params, row, scored

from trajprobe.compare.comparison import compare
from trajprobe.report.table import headline, table

PARAMS = params()
FEW_LABELS = {"few_shot": [[0.5, 0.6, 0.7]], "code_bits": [5.0]}
TRAINED = scored("pretrained", "net", 180)
RANDOM = scored("random", "net", 140, 142, 138)
BARE = scored("random", "bare", 150, 151)
PIXELS = scored("controls", "pixels", 170, permuted=[0.5, 0.52], permuted_expected=[0.52, 0.5], shape=[17, 1024])
NOISE = scored("controls", "noise", 102)


def compared(*probes, given=PARAMS):
    return compare([*probes], {}, MANY, given)


def text(*probes, before=(), extra=(), given=PARAMS):
    return table(compared(*probes, given=given), "my-set", given, [*before], [*extra])


def tables(told):
    """The cells of each table, without its header's rule."""
    found = [[]]
    for line in told.splitlines():
        if line.startswith("|"):
            found[-1].append([cell.strip() for cell in line.strip("|").split("|")])
        elif found[-1]:
            found.append([])
    return [[cells for cells in part if set(cells) != {"---"}] for part in found if part]


def points(estimate):
    return "{:+.1f} [{:+.1f}, {:+.1f}]".format(*(100 * value for value in estimate))


def test_it_begins_with_the_data():
    told = text(TRAINED, RANDOM)
    assert told.startswith(
        "Data set `my-set`: 200 tested clips in 200 groups, 2 classes, chance 50.0 % (the most frequent class). "
        "Accuracy in % of a logistic probe, with 95 % intervals.\n\n| row |"
    )
    assert "with 99.9 % intervals" in text(TRAINED, RANDOM, given=params(confidence=0.999))


def test_clips_that_are_only_trained_on_are_not_told():
    """The other 150 are in pairs; a third of them is of the second class, and none of the third."""
    labelling = replace(MANY, folds=np.where(np.arange(CLIPS) < 150, 0, -1), groups=np.arange(CLIPS) // 2)
    labelling = replace(labelling, labels=np.where(np.arange(CLIPS) < 150, np.arange(CLIPS) % 3 == 0, 2))
    told = table(compare([TRAINED, RANDOM], {}, labelling, PARAMS), "my-set", PARAMS, [], [])
    assert told.startswith("Data set `my-set`: 150 tested clips in 75 groups, 3 classes, chance 66.7 %")


def test_rows_are_in_order():
    """Backbones, the primary one first, its pretrained features before its random ones; controls from the best down."""
    other = [scored("random", "other", 120, 121), scored("pretrained", "other", 190)]
    rows = tables(text(NOISE, BARE, *other, RANDOM, PIXELS, TRAINED))[0]
    assert rows[0][:4] == ["row", "kind", "features", "accuracy"]
    assert [one[:2] for one in rows[1:]] == [
        ["net", "pretrained"],
        ["net", "random, 3 seeds"],
        ["bare", "random, 2 seeds"],
        ["other", "pretrained"],
        ["other", "random, 2 seeds"],
        ["pixels", "control"],
        ["noise", "control"],
    ]


def test_rows_tell_their_scores():
    found = compared(TRAINED, RANDOM, PIXELS)
    header, trained, _, pixels = tables(table(found, "my-set", PARAMS, [], []))[0]
    accuracy = found.accuracies["pretrained", "net"]
    # The twenty wrong ones are ten of either class.
    assert dict(zip(header, trained, strict=True)) == {
        "row": "net",
        "kind": "pretrained",
        "features": "5 x 32",
        "accuracy": f"90.0 [{100 * accuracy.ci_low:.1f}, {100 * accuracy.ci_high:.1f}]",
        "balanced": "90.0",
        "macro F1": "90.0",
        "in 32 dimensions": "90.0",
        "permuted labels": "",
    }
    assert (pixels[2], pixels[-1]) == ("17 x 1024", "51.0")


def test_balanced_accuracy_and_macro_f1_are_each_in_its_column():
    """Of 100 left all are right, of 100 right half: F1 of left 2 x 100 / 250, of right 2 x 50 / 150."""
    guesses = [0 if clip % 2 == 0 or clip >= 100 else 1 for clip in range(CLIPS)]
    told = tables(text(row("pretrained", "net", guesses, equal=[0] * CLIPS), RANDOM))[0][1]
    assert told[3].startswith("75.0 [")
    assert told[4:7] == ["75.0", f"{100 * (200 / 250 + 100 / 150) / 2:.1f}", "50.0"]


def test_fewer_dimensions_than_the_others_are_told():
    small = scored("controls", "extent", 120, equal_dimensions=3)
    rows = tables(text(TRAINED, RANDOM, small))[0]
    assert rows[0][6] == "in 32 dimensions"
    assert [one[6] for one in rows[1:]] == ["90.0", "70.0", "60.0 (in 3)"]


def test_differences_are_told_with_their_verdicts():
    same = scored("controls", "same", 180)
    found = compared(TRAINED, RANDOM, NOISE, PIXELS, same, BARE)
    told = table(found, "my-set", PARAMS, [], [])
    assert (
        "Differences in points. Better and worse are one-sided tests at 5 %, Holm over all 5; practically equal is "
        "within 2 points. The last column: what this comparison finds in 80 of 100 cases.\n\n| difference |"
    ) in told
    header, *differences = tables(told)[1]
    assert header == ["difference", "mean", "Cohen's h", "p", "verdict", "detectable"]
    verdicts = [found.gains["net"].verdict, *(gap.verdict for gap in found.gaps.values())]
    names = ["**net: pretrained minus random**", "net minus noise", "net minus pixels", "net minus same"]
    assert [one[0] for one in differences] == [*names, "net minus bare"]
    for cells, verdict in zip(differences, verdicts, strict=True):
        effect = "{:+.2f} [{:+.2f}, {:+.2f}]".format(*verdict.effect)
        p = f"{verdict.p:.4f}" if verdict.p >= 0.0001 else "< 0.0001"
        detectable = f"{100 * verdict.detectable:.1f}"
        assert cells[1:] == [points(verdict.difference), effect, p, verdict.words, detectable]
    assert differences[0][1].startswith("+20.0 [+")
    assert [one[4] for one in differences] == ["better", "better", "better", "practically equal", "better"]
    assert differences[3][1:4] == ["+0.0 [+0.0, +0.0]", "+0.00 [+0.00, +0.00]", "1.0000"]


def test_a_small_p_is_told_as_small():
    """All are right, and of the random networks, which are all alike, none."""
    told = tables(text(scored("pretrained", "net", 200), scored("random", "net", 0, 0)))[1]
    assert told[1][3] == "< 0.0001"


def test_few_labels_are_told_by_row_and_as_a_gain():
    each = [{"few_shot": [curve], "code_bits": [bits]} for curve, bits in (([0.2, 0.4, 0.4], 9.0), ([0.1] * 3, 8.0))]
    pixels = scored("controls", "pixels", 170, few_shot=[[0.3, 0.3, 0.3]], code_bits=[10.0])
    found = compared(
        pixels, scored("random", "net", 140, 142, each=each), scored("pretrained", "net", 180, **FEW_LABELS)
    )
    told = table(found, "my-set", PARAMS, [], [])
    assert (
        "With few labels: accuracy in % from so many labelled clips a class, the area under that curve, and the online "
        "code length (MDL) of the labels in bits a clip, 1.50 without features.\n\n"
    ) in told
    # Areas are means of the curve's trapezoids: 0.5 / 4 + 0.6 / 2 + 0.7 / 4, and so on.
    assert tables(told)[2] == [
        ["row", "kind", "1", "2", "4", "area", "bits a clip", "times shorter"],
        ["net", "pretrained", "50.0", "60.0", "70.0", "60.0", "0.50", "3.00"],
        ["net", "random, 2 seeds", "15.0", "25.0", "25.0", "22.5", "0.85", f"{15 / 8.5:.2f}"],
        ["pixels", "control", "30.0", "30.0", "30.0", "30.0", "1.00", "1.50"],
    ]
    gain = found.gains["net"]
    bits = "{:+.2f} [{:+.2f}, {:+.2f}]".format(*gain.bits)
    assert bits.startswith("-0.35 [")
    assert points(gain.area).startswith("+37.5 [")
    assert told.endswith(
        f"net: pretrained minus the next random network: area {points(gain.area)} points, {bits} bits a clip.\n"
    )


@pytest.mark.parametrize(("left_out", "there"), [("code_bits", "area"), ("few_shot", "bits a clip")])
def test_what_was_not_run_of_few_labels_is_left_out(left_out, there):
    given = {key: value for key, value in FEW_LABELS.items() if key != left_out}
    told = text(scored("pretrained", "net", 180, **given), scored("random", "net", 140, 142, **given))
    header, trained, _ = tables(told)[2]
    cells = dict(zip(header, trained, strict=True))
    empty = {name for name, cell in cells.items() if not cell}
    assert empty == ({"1", "2", "4", "area"} if left_out == "few_shot" else {"bits a clip", "times shorter"})
    last = told.splitlines()[-1]
    assert last.startswith(f"net: pretrained minus the next random network: {'area' if there == 'area' else '+0.00'}")
    assert there in last
    assert ("area" in last) != ("bits a clip" in last)


def test_without_few_labels_there_is_no_part_of_them():
    told = text(TRAINED, RANDOM)
    assert "few labels" not in told
    assert len(tables(told)) == 2


def test_a_clean_table_ends_with_its_differences():
    told = text(TRAINED, RANDOM)
    assert "To know" not in told
    assert "Before" not in told
    assert told.endswith("|\n")
    assert "\n\n\n" not in told


def test_notes_end_the_table():
    wide = scored("pretrained", "net", 180, pca=100, shape=[17, 1024])
    note = "- net (pretrained): 17,408 dimensions, reduced to 100 by PCA within train.\n- One more.\n"
    assert text(wide, RANDOM, extra=["One more."]).endswith(f"|\n\nTo know when reading it:\n\n{note}")
    last = scored("pretrained", "net", 180, unconverged=1, **FEW_LABELS)
    told = text(last, scored("random", "net", 140, 142, **FEW_LABELS))
    assert "bits a clip.\n\nTo know when reading it:\n\n- net (pretrained): 1 of its probes" in told


def test_what_the_guards_found_stands_above_all_numbers():
    plain = text(TRAINED, RANDOM)
    told = text(TRAINED, RANDOM, before=["Copies.", "Uneven."])
    assert told == f"Before you read it:\n\n- Copies.\n- Uneven.\n\n{plain}"


def test_the_headline_is_a_line():
    found = compared(TRAINED, RANDOM, PIXELS)
    gain = points(found.gains["net"].verdict.difference)
    assert headline(found, PARAMS) == f"net: pretrained 90.0 %, random 70.0 %, gain {gain}: better"
    bare = params("bare")
    assert headline(compared(BARE, given=bare), bare) == "bare: random 75.2 %"
