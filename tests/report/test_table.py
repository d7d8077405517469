"""The table shows every row and difference in its order, what the guards found above it and the notes below."""

from dataclasses import replace

import numpy as np
import pytest
from probed import CLIPS, MANY, key, params, row, scored
from probed import compared as comparison_of

from trajprobe.compare.scored import Variant
from trajprobe.report.numbers import percent_interval
from trajprobe.report.table import headline, table

PARAMS = params()
FEW_LABELS = {"few_shot": [0.5, 0.6, 0.7], "few_shot_areas": [0.5, 0.7] * 100, "code_bits": [0.25, 0.75] * 100}
TRAINED = scored("pretrained", "net", 180)
RANDOM = scored("random", "net", 140, 142, 138)
BARE = scored("random", "bare", 150, 151)
PIXELS = scored("none", "pixels", 170, permuted=[0.5, 0.52], permuted_expected=[0.52, 0.5], shape=[17, 1024])
NOISE = scored("none", "noise", 102)


NET, NET_RANDOM = key("pretrained", "net"), key("random", "net")


def compared(*parts, given=PARAMS, **changed):
    return comparison_of(*parts, given=given, **changed)


def text(*parts, findings=(), further=(), given=PARAMS, **changed):
    return table(compared(*parts, given=given, **changed), "my-set", given, [*findings], [*further])


def tables(shown):
    """The cells of each table, without its header's rule."""
    found = [[]]
    for line in shown.splitlines():
        if line.startswith("|"):
            found[-1].append([cell.strip() for cell in line.strip("|").split("|")])
        elif found[-1]:
            found.append([])
    return [[cells for cells in part if set(cells) != {"---"}] for part in found if part]


def points(estimate):
    return "{:+.1f} [{:+.1f}, {:+.1f}]".format(*(100 * value for value in estimate))


def test_it_begins_with_the_data():
    assert text(TRAINED, RANDOM).startswith(
        "Data set `my-set`: 200 tested clips in 200 groups, 2 classes, chance 50.0 % (the most frequent class). Scores "
        "of a logistic probe in %, with 95 % confidence intervals for clips like these; of several seeds "
        "the mean, with the prediction interval of a new seed. The last two columns are accuracies, after "
        "reduction to 32 dimensions and with permuted labels.\n\n| row |"
    )
    assert "with 99.9 % confidence intervals for clips" in text(TRAINED, RANDOM, given=params(confidence=0.999))


def test_clips_that_are_only_trained_on_do_not_count():
    """The other 150 are in pairs; a third of them is of the second class, and none of the third."""
    labelling = replace(MANY, folds=np.where(np.arange(CLIPS) < 150, 0, -1), groups=np.arange(CLIPS) // 2)
    labelling = replace(labelling, labels=np.where(np.arange(CLIPS) < 150, np.arange(CLIPS) % 3 == 0, 2))
    shown = text(TRAINED, RANDOM, labelling=labelling)
    assert shown.startswith("Data set `my-set`: 150 tested clips in 75 groups, 3 classes, chance 66.7 %")
    balanced = text(TRAINED, RANDOM, labelling=labelling, metric="balanced_accuracy")
    assert "chance 66.7 % (the most frequent class), of balanced accuracy 50.0 %. Scores" in balanced


def test_rows_are_in_order():
    """The primary row, other networks, controls; each from the best down, and perturbed variants after their row."""
    other = [scored("random", "other", 120, 121), scored("pretrained", "other", 190)]
    perturbed = [
        scored("pretrained", "net", 110, input="middle-frame"),
        scored("permuted-weights", "net", 130),
        scored("random", "bare", 155, input="shuffled-frames"),
        scored("none", "pixels", 172, input="middle-frame"),
    ]
    rows = tables(text(NOISE, BARE, *perturbed, *other, RANDOM, PIXELS, TRAINED))[0]
    assert rows[0][:5] == ["row", "network", "input", "features", "accuracy"]
    assert [one[:4] for one in rows[1:]] == [
        ["net", "pretrained", "plain", "hidden.tmean, 5 x 32"],
        ["net", "random, 3 seeds", "plain", "hidden.tmean, 5 x 32"],
        ["net", "permuted-weights", "plain", "hidden.tmean, 5 x 32"],
        ["net", "pretrained", "middle-frame", "hidden.tmean, 5 x 32"],
        ["other", "pretrained", "plain", "hidden.tmean, 5 x 32"],
        ["other", "random, 2 seeds", "plain", "hidden.tmean, 5 x 32"],
        ["bare", "random, 2 seeds", "plain", "hidden.tmean, 5 x 32"],
        ["bare", "random", "shuffled-frames", "hidden.tmean, 5 x 32"],
        ["pixels", "none", "plain", "17 x 1024"],
        ["pixels", "none", "middle-frame", "5 x 32"],
        ["noise", "none", "plain", "5 x 32"],
    ]


def test_rows_show_their_scores():
    found = compared(TRAINED, RANDOM, PIXELS)
    header, trained, random, pixels = tables(table(found, "my-set", PARAMS, [], []))[0]

    def interval(variant, metric):
        return "{:.1f} [{:.1f}, {:.1f}]".format(*(100 * value for value in found.estimates[variant][metric]))

    # The twenty wrong ones are ten of either class.
    assert dict(zip(header, trained, strict=True)) == {
        "row": "net",
        "network": "pretrained",
        "input": "plain",
        "features": "hidden.tmean, 5 x 32",
        "accuracy": interval(NET, "accuracy"),
        "balanced accuracy": interval(NET, "balanced_accuracy"),
        "macro F1": interval(NET, "macro_f1"),
        "in 32 dimensions": "90.0",
        "permuted labels": "",
    }
    assert [cell.split()[0] for cell in trained[4:7]] == ["90.0"] * 3
    assert random[4:7] == [interval(NET_RANDOM, metric) for metric in ("accuracy", "balanced_accuracy", "macro_f1")]
    assert (pixels[3], pixels[-1]) == ("17 x 1024", "51.0")


def test_each_metric_is_in_its_column():
    """Of 100 left all are right, of 100 right half: F1 of left 2 x 100 / 250, of right 2 x 50 / 150."""
    predicted = [0 if clip % 2 == 0 or clip >= 100 else 1 for clip in range(CLIPS)]
    cells = tables(text(row("pretrained", "net", predicted, equal=[0] * CLIPS), RANDOM))[0][1]
    assert [cell.split()[0] for cell in cells[4:8]] == [
        "75.0",
        "75.0",
        f"{100 * (200 / 250 + 100 / 150) / 2:.1f}",
        "50.0",
    ]


def test_fewer_dimensions_than_the_others_are_shown():
    small = scored("none", "extent", 120, equal_dimensions=3)
    perturbed = scored("none", "extent", 110, input="middle-frame", equal_dimensions=3, equal=[])
    rows = tables(text(TRAINED, RANDOM, small, perturbed))[0]
    assert rows[0][7] == "in 32 dimensions"
    assert [one[7] for one in rows[1:]] == ["90.0", "70.0", "60.0 (in 3)", ""]


def test_differences_are_shown_with_their_verdicts():
    same = scored("none", "same", 180)
    found = compared(TRAINED, RANDOM, NOISE, PIXELS, same, BARE)
    shown = table(found, "my-set", PARAMS, [], [])
    assert (
        "Differences of accuracy in points. The verdict is on the first of the two. Better and worse are "
        "one-sided tests at 5 %, with Holm's correction for the 5 differences between rows and from random weights; "
        "practically equal is within 2 points. p is one-sided, in the direction of the difference. The last column "
        "is the smallest difference detectable with 80 % power after the correction.\n\n| difference |"
    ) in shown
    header, *differences = tables(shown)[1]
    assert header == ["difference", "mean", "Cohen's h", "p", "verdict", "smallest detectable"]
    order = [key("random", "bare"), key("none", "same"), key("none", "pixels"), key("none", "noise")]
    verdicts = [found.gains[NET].verdict, *(found.differences[variant].verdict for variant in order)]
    assert [one[0] for one in differences] == [
        "**net: pretrained minus random**",
        "net minus bare",
        "net minus same",
        "net minus pixels",
        "net minus noise",
    ]
    for cells, verdict in zip(differences, verdicts, strict=True):
        effect = "{:+.2f} [{:+.2f}, {:+.2f}]".format(*verdict.cohens_h)
        p = f"{verdict.p_value:.4f}" if verdict.p_value >= 0.0001 else "< 0.0001"
        detectable = f"{100 * verdict.detectable_difference:.1f}"
        assert cells[1:] == [points(verdict.difference), effect, p, verdict.words, detectable]
    assert differences[0][1].startswith("+20.0 [+")
    # Of one difference alone it would be practically equal.
    unclear = "not distinguishable with n = 200 clips"
    assert [one[4] for one in differences] == ["better", "better", unclear, "better", "better"]
    assert differences[2][1] == "+0.0 [-1.9, +1.9]"


def test_perturbations_are_called_by_what_they_change():
    parts = [
        scored("pretrained", "net", 110, input="middle-frame"),
        scored("permuted-weights", "net", 120),
        scored("random", "bare", 100, input="shuffled-frames"),
    ]
    shown = text(TRAINED, RANDOM, BARE, *parts)
    assert [cells[0] for cells in tables(shown)[1]][1:] == [
        "**net: pretrained minus random**",
        "net minus bare",
        "net: pretrained minus permuted-weights",
        "net: plain minus middle-frame",
        "bare: plain minus shuffled-frames",
    ]
    assert (
        "with Holm's correction for the 2 differences between rows and from random weights, and another for the 3 from "
        "perturbations, which are diagnostics; practically equal"
    ) in shown


def test_perturbations_may_be_all_that_there_is():
    shown = text(scored("none", "net", 180), scored("none", "net", 110, input="middle-frame"))
    assert "with Holm's correction for the 1 from perturbations, which are diagnostics; practically equal" in shown


def test_what_is_not_judged_has_neither_p_nor_detectable_difference():
    few = replace(MANY, groups=np.arange(CLIPS) % 5)
    cells = tables(text(TRAINED, RANDOM, labelling=few))[1][1]
    assert cells[3:] == ["", "not judged, too few groups", ""]


def test_verdicts_on_balanced_accuracy_are_announced_and_why():
    shown = text(TRAINED, RANDOM, PIXELS, metric="balanced_accuracy")
    assert (
        "\nThe classes are uneven, so verdicts are on balanced accuracy. Differences of balanced accuracy in points."
    ) in shown
    assert "uneven" not in text(TRAINED, RANDOM, PIXELS)


def test_a_small_p_is_shown_as_small():
    """All are right, and of the random networks next to none."""
    shown = tables(text(scored("pretrained", "net", 200), scored("random", "net", 0, 1, 0, 1, 0)))[1]
    assert shown[1][3] == "< 0.0001"


def test_few_labels_are_shown_by_row_and_as_a_gain():
    each = [
        {"few_shot": curve, "few_shot_areas": [area - 0.1, area + 0.1] * 100, "code_bits": [bits] * 200}
        for curve, area, bits in (([0.2, 0.4, 0.4], 0.35, 0.9), ([0.1] * 3, 0.1, 0.8))
    ]
    few = {"few_shot": [0.3] * 3, "few_shot_areas": [0.2, 0.4] * 100, "code_bits": [0.9, 1.1] * 100}
    pixels = scored("none", "pixels", 170, **few)
    found = compared(
        pixels, scored("random", "net", 140, 142, each=each), scored("pretrained", "net", 180, **FEW_LABELS)
    )
    shown = table(found, "my-set", PARAMS, [], [])
    assert (
        "With few labels: accuracy in % from so many labelled clips a class, the area under that curve, and the online "
        "code length (MDL) of the labels in bits per clip; without features it is 1.50. Intervals are for clips like "
        "these; of several seeds, prediction intervals of a new seed.\n\n"
    ) in shown

    def cells(variant):
        area = "{:.1f} [{:.1f}, {:.1f}]".format(*(100 * end for end in found.estimates[variant]["few_shot_area"]))
        return area, "{:.2f} [{:.2f}, {:.2f}]".format(*found.estimates[variant]["bits_per_clip"])

    rows = [NET, NET_RANDOM, key("none", "pixels")]
    assert tables(shown)[2] == [
        ["row", "network", "1", "2", "4", "area", "bits per clip", "times shorter"],
        ["net", "pretrained", "50.0", "60.0", "70.0", *cells(rows[0]), "3.00"],
        ["net", "random, 2 seeds", "15.0", "25.0", "25.0", *cells(rows[1]), f"{1.5 / 0.85:.2f}"],
        ["pixels", "none", "30.0", "30.0", "30.0", *cells(rows[2]), "1.50"],
    ]
    assert [cells(variant)[0].split()[0] for variant in rows] == ["60.0", "22.5", "30.0"]
    gain = found.gains[NET]
    bits = "{:+.2f} [{:+.2f}, {:+.2f}]".format(*gain.code_length)
    assert bits.startswith("-0.35 [")
    assert points(gain.area).startswith("+37.5 [")
    difference = f"area {points(gain.area)} points, {bits} bits per clip"
    assert shown.endswith(f"net: pretrained minus random: {difference}.\n")


@pytest.mark.parametrize(("left_out", "there"), [("code_bits", "area"), ("few_shot", "bits per clip")])
def test_what_was_not_run_of_few_labels_is_left_out(left_out, there):
    given = {key: value for key, value in FEW_LABELS.items() if not key.startswith(left_out)}
    shown = text(scored("pretrained", "net", 180, **given), scored("random", "net", 140, 142, **given))
    header, trained, _ = tables(shown)[2]
    cells = dict(zip(header, trained, strict=True))
    empty = {name for name, cell in cells.items() if not cell}
    assert empty == ({"1", "2", "4", "area"} if left_out == "few_shot" else {"bits per clip", "times shorter"})
    last = shown.splitlines()[-1]
    assert last.startswith(f"net: pretrained minus random: {'area' if there == 'area' else '+0.00'}")
    assert there in last
    assert ("area" in last) != ("bits per clip" in last)


def test_order_alone_has_a_column_where_classes_are_each_others_reversal():
    """Of the two classes each is the other's reversal: what is right is right by order alone."""
    found = compared(TRAINED, RANDOM, reversals=[(0, 1)])
    shown = table(found, "my-set", PARAMS, [], [])
    header, trained, random = tables(shown)[0]
    assert header[7] == "order alone"
    assert trained[7] == "{:.1f} [{:.1f}, {:.1f}]".format(*(100 * end for end in found.estimates[NET]["order"]))
    assert (trained[7].split()[0], random[7].split()[0]) == ("90.0", "70.0")
    assert "*Order alone*: of the clips of two classes that are each other's reversal" in shown
    assert "rder alone" not in text(TRAINED, RANDOM)


def directions(told):
    """How many directions each clip's pair has right: both, or of the others one."""
    return [2 if clip < told else 1 for clip in range(CLIPS)]


def test_the_arrow_of_time_has_a_column_with_its_verdict_and_its_gain_a_line():
    parts = [
        scored("pretrained", "net", 180, arrow_of_time=directions(120)),
        scored("random", "net", 140, 142, each=[{"arrow_of_time": directions(told)} for told in (0, 10)]),
        scored("none", "pixels", 170, arrow_of_time=directions(0)),
        scored("none", "extent", 120, arrow_of_time=[count - 1 for count in directions(100)]),
        scored("none", "kinematics", 110),
    ]
    found = compared(*parts)
    shown = table(found, "my-set", PARAMS, [], [])
    header, *rows = tables(shown)[0]
    assert header[7] == "arrow of time"
    cells = {(cells[0], cells[1]): cells[7] for cells in rows}
    words = {NET: "above chance", key("none", "pixels"): "at chance", key("none", "extent"): "below chance"}
    for variant, verdict in words.items():
        interval = "{:.1f} [{:.1f}, {:.1f}]".format(*(100 * end for end in found.estimates[variant]["arrow_of_time"]))
        assert cells[variant.row, variant.network] == f"{interval}, {verdict}"
    assert cells["net", "random, 2 seeds"].endswith(", not distinguishable")
    assert cells["kinematics", "none"] == ""
    gain = found.arrows[NET].gain
    assert f"\n\nnet: pretrained minus random: arrow of time {points(gain.difference)} points: {gain.words}.\n" in shown
    assert "with Holm's correction for the 5 tests of this question." in shown
    assert "rrow of time" not in text(TRAINED, RANDOM)


def test_several_layers_have_a_line_each_and_say_how_many_folds_chose_them():
    chose = {"chosen_layers": ["2.tmean", "10.mean", "2.tmean"]}
    parts = [
        scored("pretrained", "net", 150, layer="chosen", shape=[], **chose),
        scored("pretrained", "net", 120, layer="2.tmean"),
        scored("pretrained", "net", 190, layer="10.mean"),
        scored("pretrained", "net", 90, layer="chosen", shape=[], input="middle-frame", **chose),
        scored("pretrained", "net", 80, layer="2.tmean", input="middle-frame"),
        scored("pretrained", "net", 70, layer="10.mean", input="middle-frame"),
    ]
    found, shown = compared(*parts, PIXELS), text(*parts, PIXELS)
    scores = found.layers
    lines = [
        [layer, f"{percent_interval(scores[Variant('net', 'pretrained', 'plain', layer)])} ({folds})",
         f"{percent_interval(scores[Variant('net', 'pretrained', 'middle-frame', layer)])} ({folds})"]
        for layer, folds in (("2.tmean", 2), ("10.mean", 1))
    ]  # fmt: skip
    assert tables(shown)[-1] == [["layers of net", "pretrained", "pretrained middle-frame"], *lines]
    first = next(line for line in tables(shown)[0] if line[:3] == ["net", "pretrained", "plain"])
    assert first[3] == "2.tmean in 2, 10.mean in 1"
    assert "Do not report the best line" in shown
    assert "Layers and poolings" not in text(TRAINED, RANDOM, PIXELS)


def test_attentive_probes_have_a_table_with_their_gain():
    tokens = [scored("pretrained", "net", 180, layer="hidden.none")]
    tokens += [scored("random", "net", 140, 145, 142, layer="hidden.none")]
    found, shown = compared(TRAINED, RANDOM, *tokens), text(TRAINED, RANDOM, *tokens)
    probes = list(found.attentive.values())
    gain = probes[0].gain
    assert tables(shown)[-1] == [
        ["row", "network", "tokens", "accuracy", "pretrained minus random"],
        ["net", "pretrained", "hidden", percent_interval(probes[0].score), f"{points(gain.difference)}: better"],
        ["net", "random", "hidden", percent_interval(probes[1].score), ""],
    ]
    assert "Holm's correction for this difference alone" in shown
    assert "Attentive" not in text(TRAINED, RANDOM)


def test_all_pairs_are_shown_on_request():
    shown = tables(text(TRAINED, RANDOM, PIXELS, NOISE, given=params(pairs="all")))[1]
    assert [cells[0] for cells in shown[1:]] == [
        "**net: pretrained minus random**",
        "net minus pixels",
        "net minus noise",
        "pixels minus noise",
    ]


def test_without_few_labels_there_is_no_part_of_them():
    shown = text(TRAINED, RANDOM)
    assert "few labels" not in shown
    assert len(tables(shown)) == 2


def test_a_clean_table_ends_with_its_differences():
    shown = text(TRAINED, RANDOM)
    assert "Notes" not in shown
    assert "Before" not in shown
    assert shown.endswith("|\n")
    assert "\n\n\n" not in shown


def test_notes_end_the_table():
    wide = scored("pretrained", "net", 180, pca=100, shape=[17, 1024])
    note = "- net pretrained hidden.tmean: 17,408 dimensions, reduced to 100 by PCA within train.\n- One more.\n"
    assert text(wide, RANDOM, further=["One more."]).endswith(f"|\n\nNotes:\n\n{note}")
    last = scored("pretrained", "net", 180, unconverged=1, **FEW_LABELS)
    shown = text(last, scored("random", "net", 140, 142, **FEW_LABELS))
    assert "bits per clip.\n\nNotes:\n\n- net pretrained hidden.tmean: 1 of its probes" in shown


def test_what_the_guards_found_stands_above_all_numbers():
    plain = text(TRAINED, RANDOM)
    shown = text(TRAINED, RANDOM, findings=["Copies.", "Uneven."])
    assert shown == f"Before you read it:\n\n- Copies.\n- Uneven.\n\n{plain}"


def test_the_headline_is_a_line():
    perturbed = scored("pretrained", "net", 110, input="middle-frame")
    found = compared(TRAINED, RANDOM, perturbed, PIXELS)
    gain = points(found.gains[NET].verdict.difference)
    assert headline(found, PARAMS) == f"net, accuracy: pretrained 90.0 %, random 70.0 %, gain {gain}: better"
    shuffled = scored("pretrained", "net-shuffled", 170, trained_frames=17)
    found = compared(scored("pretrained", "net", 180, trained_frames=17), RANDOM, shuffled)
    mean, low, high = found.differences[key("pretrained", "net-shuffled")].share_of_gain
    share = f"net-shuffled has {100 * mean:.0f} % ({100 * low:.0f} to {100 * high:.0f}) of the gain of net"
    assert headline(found, PARAMS).endswith(f"better, {share}")
    bare = params("bare")
    assert headline(compared(BARE, given=bare), bare) == "bare, accuracy: random 75.2 %"
    balanced = compared(TRAINED, RANDOM, metric="balanced_accuracy")
    assert headline(balanced, PARAMS).startswith(
        "net, balanced accuracy: pretrained 90.0 %, random 70.0 %, gain +20.0 ["
    )


def test_what_a_file_supplied_is_text_in_the_table_and_not_markdown():
    shown = text(
        TRAINED,
        RANDOM,
        findings=["Groups g|0\n- fake: <b>all</b> is *well* [x](y), of `groups`"],
        further=["a_b\n| fake | row |"],
    )
    assert r"- Groups g\|0\\n- fake: &lt;b&gt;all&lt;/b&gt; is \*well\* \[x\](y), of `groups`" + "\n" in shown
    assert r"- a\_b\\n\| fake \| row \|" + "\n" in shown
    assert [line for line in shown.splitlines() if line.startswith(("- fake", "| fake"))] == []
