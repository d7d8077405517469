"""metrics/details.json: all numbers of the comparison by row, network, input and layer."""

import json

import pytest
from probed import FEW, compared, key, params, row, scored

from trajprobe.compare.scored import Variant
from trajprobe.report.details import details
from trajprobe.report.numbers import PRECISE, with_interval

AREAS = [0.5, 0.6, 0.7, 0.4, 0.61239, 0.5, 0.6, 0.7, None, None]
RUN = {"few_shot": [0.5, 0.6, 0.71239], "few_shot_areas": AREAS, "code_bits": [0.4, 0.6] * 5}
RUN |= {"permuted": [0.5, 0.25], "permuted_expected": [0.4, 0.3]}
TRAINED = row("pretrained", "net", "00001110", **RUN | {"equal": [0, 0, 1, 1, 1, 1, 0, 2, 2, 2]})
EACH = [
    {"few_shot": [0.1 * one, 0.2, 0.3], "few_shot_areas": [0.1 * one, *[0.2] * 7, None, None]}
    | {"code_bits": [0.7 + one / 10, *[0.9] * 9]}
    for one in range(3)
]
RANDOM = row("random", "net", "00110000", "00001122", "00000000", each=EACH, **RUN)
MIDDLE = row("pretrained", "net", "00000000", input="middle-frame", equal=[])
PERMUTED = row("permuted-weights", "net", "00000000", equal=[])
SHUFFLED = row("pretrained", "net-shuffled", "00000000", trained_frames=9)
BARE = row("random", "bare", "00001100", "00001110")
PIXELS = row("none", "pixels", "01001110")
ALL = [TRAINED, RANDOM, MIDDLE, PERMUTED, SHUFFLED, BARE, PIXELS]
PLACES = {
    key("pretrained", "net"): ("net", "pretrained", "plain", "hidden.tmean"),
    key("random", "net"): ("net", "random", "plain", "hidden.tmean"),
    key("pretrained", "net", "middle-frame"): ("net", "pretrained", "middle-frame", "hidden.tmean"),
    key("permuted-weights", "net"): ("net", "permuted-weights", "plain", "hidden.tmean"),
    key("pretrained", "net-shuffled"): ("net-shuffled", "pretrained", "plain", "hidden.tmean"),
    key("random", "bare"): ("bare", "random", "plain", "hidden.tmean"),
    key("none", "pixels"): ("pixels", "none", "plain", "features"),
}
ENDS = ("mean", "ci_low", "ci_high")


@pytest.fixture(scope="module")
def found():
    return compared(*ALL, labelling=FEW, confidence=0.8)


@pytest.fixture(scope="module")
def numbers(found):
    return details(found, {"w": {"mse": 0.123456, "tokens": 4.0}}, ["Found."], ["A further note."])


def at(node, place):
    for part in place:
        node = node[part]
    return node


def leaves(node):
    """All of them, with lists as what they are."""
    return [leaf for child in node.values() for leaf in leaves(child)] if isinstance(node, dict) else [node]


def test_each_variant_stands_at_its_coordinates(numbers):
    assert set(numbers) == {"net", "net-shuffled", "bare", "pixels", "data", "pretrain"}
    always = {"accuracy", "balanced_accuracy", "macro_f1", "dimensions"}
    run = always | {"equal_dimensions_accuracy", "permuted_labels_accuracy", "few_shot", "few_shot_area"}
    run |= {"bits_per_clip", "compression"}
    expected = dict.fromkeys(PLACES, always | {"equal_dimensions_accuracy", "difference"})
    expected |= {key("pretrained", "net"): run | {"gain"}, key("random", "net"): run | {"seeds", "few_shot_range"}}
    expected[key("random", "bare")] = expected[key("random", "bare")] | {"seeds"}
    # What is perturbed was run without the rest.
    expected[key("pretrained", "net", "middle-frame")] = expected[key("permuted-weights", "net")] = always | {
        "difference"
    }
    assert {variant: set(at(numbers, place)) for variant, place in PLACES.items()} == expected


def test_it_holds_no_list_and_numbers_of_six_decimals(numbers):
    """DVC would draw a list."""
    values = [leaf for leaf in leaves(numbers) if not isinstance(leaf, str)]
    assert all(type(leaf) in (int, float) and leaf == round(leaf, 6) for leaf in values)
    assert any(leaf != round(leaf, 5) for leaf in values)
    assert json.loads(json.dumps(numbers, allow_nan=False)) == numbers


def test_the_data_and_the_pretraining_have_their_figures(numbers):
    assert numbers["data"] == {
        "tested_clips": 8,
        "groups": 4,
        "classes": 3,
        "chance": 0.5,
        "leaked_duplicates": 3,
        "away_from_chance": 0,
        "verdicts_on": "accuracy",
        "main": {
            "net": "pretrained plain hidden.tmean",
            "net-shuffled": "pretrained plain hidden.tmean",
            "bare": "random plain hidden.tmean",
            "pixels": "none plain features",
        },
        "findings": {"0": "Found."},
        "notes": {
            "0": "net-shuffled pretrained hidden.tmean: clips of 17 frames, but its weights were trained on 9.",
            "1": "A further note.",
        },
    }
    assert numbers["pretrain"] == {"w": {"mse": 0.1235, "tokens": 4.0}}
    balanced = details(compared(*ALL, labelling=FEW, metric="balanced_accuracy"), {})
    assert balanced["data"]["verdicts_on"] == "balanced_accuracy"


def test_all_that_is_away_from_chance_is_counted():
    leaky = {"permuted": [0.88, 0.9, 0.92, 0.9, 0.9], "permuted_expected": [0.5, 0.5, 0.49, 0.5, 0.5]}
    parts = [row("none", name, "00001112", **leaky) for name in ("pixels", "coordinates")]
    found = compared(TRAINED, RANDOM, *parts, labelling=FEW, leaks="warn")
    assert details(found, {})["data"]["away_from_chance"] == 2


def test_scores_are_those_of_the_variant(found, numbers):
    for variant, place in PLACES.items():
        for name, estimate in found.estimates[variant].items():
            assert at(numbers, place)[name] == {end: round(value, 6) for end, value in zip(ENDS, estimate, strict=True)}
    net = at(numbers, PLACES[key("pretrained", "net")])
    assert net["balanced_accuracy"]["mean"] == round((1 + 1 + 0) / 3, 6)
    assert net["macro_f1"]["mean"] == round((8 / 9 + 1 + 0) / 3, 6)
    assert net["equal_dimensions_accuracy"] == 5 / 8
    assert net["permuted_labels_accuracy"] == 0.375
    assert net["few_shot"] == {"shots_1": 0.5, "shots_2": 0.6, "shots_4": 0.71239}
    assert net["few_shot_area"]["mean"] == round(sum(AREAS[:8]) / 8, 6)
    assert (net["bits_per_clip"]["mean"], net["compression"]) == (0.5, 3.0)


def test_several_networks_have_a_score_each_and_the_ends_of_their_curves(found, numbers):
    random = at(numbers, PLACES[key("random", "net")])
    scores = found.variants[key("random", "net")].scores["accuracy"].values
    assert random["seeds"] == {str(seed): round(score, 6) for seed, score in enumerate(scores)}
    assert random["few_shot_range"] == {
        "shots_1": {"low": 0.0, "high": 0.2},
        "shots_2": {"low": 0.2, "high": 0.2},
        "shots_4": {"low": 0.3, "high": 0.3},
    }
    assert "seeds" not in at(numbers, PLACES[key("pretrained", "net")])


def test_differences_are_those_of_the_comparison(found, numbers):
    pairs = [(at(numbers, PLACES[key("pretrained", "net")])["gain"], found.gains[key("pretrained", "net")].verdict)]
    for variant, difference in found.differences.items():
        shown = at(numbers, PLACES[variant])["difference"]
        assert shown["reference"] == "net pretrained hidden.tmean"
        pairs.append((shown, difference.verdict))
    assert len(pairs) == 6
    for shown, verdict in pairs:
        assert [shown[end] for end in ENDS] == pytest.approx([*verdict.difference], abs=5e-7)
        assert [shown["cohens_h"][end] for end in ENDS] == pytest.approx([*verdict.cohens_h], abs=5e-7)
        # Eight clips are too few to judge.
        assert shown["verdict"] == verdict.sign == 0
        assert not {"detectable_difference", "one_sided_p_value"} & set(shown)
    gain = found.gains[key("pretrained", "net")]
    for name, estimate in (("few_shot_area", gain.area), ("bits_per_clip", gain.code_length)):
        assert list(pairs[0][0][name].values()) == pytest.approx([*estimate], abs=5e-7)
    assert pairs[0][0]["mean"] == round(7 / 8 - 13 / 24, 6)
    assert pairs[0][0]["bits_per_clip"]["mean"] == round(0.5 - (0.8 + 9 * 0.9) / 10, 6)


def test_the_arrow_of_time_has_its_share_its_verdict_and_its_gain():
    parts = [
        scored("pretrained", "net", 180, arrow_of_time=[2, 1] * 100),
        scored("random", "net", 140, 142, each=[{"arrow_of_time": [2, one] * 100} for one in (0, 1)]),
        scored("none", "pixels", 100),
    ]
    found = compared(*parts)
    shown = details(found, {})
    net = shown["net"]["pretrained"]["plain"]["hidden.tmean"]["arrow_of_time"]
    assert net["mean"] == 0.75
    arrow = found.arrows[key("pretrained", "net")]
    for part, verdict in (("minus_chance", arrow.from_chance), ("gain", arrow.gain)):
        assert [net[part][end] for end in ENDS] == pytest.approx([*verdict.difference], abs=5e-7)
        assert net[part]["verdict"] == verdict.sign
    assert net["minus_chance"]["mean"] == 0.25
    assert "gain" not in shown["net"]["random"]["plain"]["hidden.tmean"]["arrow_of_time"]
    assert "arrow_of_time" not in shown["pixels"]["none"]["plain"]["features"]


def test_what_is_judged_has_its_p_and_its_detectable_difference():
    parts = [scored("pretrained", "net", 180), scored("random", "net", 140, 142), scored("none", "pixels", 100)]
    found = compared(*parts)
    shown = details(found, {})["pixels"]["none"]["plain"]["features"]["difference"]
    verdict = found.differences[key("none", "pixels")].verdict
    assert shown["detectable_difference"] == round(verdict.detectable_difference, 6)
    assert 0 < shown["one_sided_p_value"] < 1e-9  # no rounding makes it nothing
    assert shown["one_sided_p_value"] == pytest.approx(verdict.p_value, rel=0.05)


def test_a_share_of_a_gain_is_shown_with_its_interval():
    parts = [scored("pretrained", "net", 180, trained_frames=17), scored("random", "net", 140, 142)]
    found = compared(*parts, scored("pretrained", "net-shuffled", 160, trained_frames=17))
    shown = details(found, {})["net-shuffled"]["pretrained"]["plain"]["hidden.tmean"]["difference"]["share_of_gain"]
    expected = found.differences[key("pretrained", "net-shuffled")].share_of_gain
    assert [shown[end] for end in ENDS] == pytest.approx([*expected], abs=5e-7)
    assert shown["mean"] == round((160 - 141) / (180 - 141), 6)


def test_all_pairs_are_shown_by_the_two_rows():
    parts = [scored("pretrained", "net", 180), scored("none", "pixels", 100), scored("none", "coordinates", 90)]
    found = compared(*parts, pairs="all")
    shown = details(found, {})
    assert set(shown["net"]["pretrained"]["plain"]["hidden.tmean"]["minus"]) == {"pixels", "coordinates"}
    pixels = shown["pixels"]["none"]["plain"]["features"]["minus"]
    assert pixels["coordinates"]["mean"] == 0.05
    assert "minus" not in shown["coordinates"]["none"]["plain"]["features"]


@pytest.mark.parametrize(("mine", "theirs", "sign", "equal"), [(200, 0, 1, 0), (0, 200, -1, 0), (200, 200, 0, 1)])
def test_verdicts_are_numbers(mine, theirs, sign, equal):
    parts = [scored("pretrained", "net", mine), scored("none", "pixels", theirs)]
    shown = details(compared(*parts), {})["pixels"]["none"]["plain"]["features"]["difference"]
    assert (shown["mean"], shown["verdict"], shown["practically_equal"]) == (sign, sign, equal)
    assert (type(shown["verdict"]), type(shown["practically_equal"])) == (int, int)


def test_a_rank_is_shown_where_there_are_seeds_enough():
    random = row("random", "net", *["00110000"] * 19, "00001110")
    found = details(compared(TRAINED, random, labelling=FEW, given=params()), {})
    assert at(found, PLACES[key("pretrained", "net")])["gain"]["rank_p_value"] == round(2 / 21, 6)


def test_each_layer_has_its_score_and_the_chosen_ones_how_many_folds_chose_them():
    parts = [
        scored("pretrained", "net", 150, layer="chosen", chosen_layers=["a.tmean", "b.mean", "a.tmean"]),
        scored("pretrained", "net", 120, layer="a.tmean"),
        scored("pretrained", "net", 190, layer="b.mean"),
    ]
    found = compared(*parts)
    tree = details(found, {})["net"]["pretrained"]["plain"]
    assert list(tree) == ["chosen", "a.tmean", "b.mean"]
    assert tree["b.mean"] == {
        "accuracy": with_interval(found.layers[Variant("net", "pretrained", "plain", "b.mean")], decimals=PRECISE)
    }
    assert tree["chosen"]["folds_that_chose"] == {"a.tmean": 2, "b.mean": 1}
    assert tree["chosen"]["accuracy"]["mean"] == 0.75


def test_attentive_probes_stand_beside_the_pooled_ones_with_score_and_gain():
    parts = [scored("pretrained", "net", 150), scored("random", "net", 120, 121)]
    parts += [scored("pretrained", "net", 180, layer="hidden.none")]
    parts += [scored("random", "net", 140, 141, layer="hidden.none")]
    tree = details(compared(*parts), {})["net"]
    assert tree["pretrained"]["plain"]["hidden.none"]["accuracy"]["mean"] == 0.9
    assert tree["pretrained"]["plain"]["hidden.none"]["gain"]["mean"] == pytest.approx(0.1975, abs=1e-4)
    assert list(tree["random"]["plain"]["hidden.none"]) == ["accuracy"]
