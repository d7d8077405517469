"""Rows of params.yaml: what each is, what it shares with the row it is like, and the variants that it yields."""

import pytest
from msgspec.structs import replace

from trajprobe.errors import UserError
from trajprobe.files.feature_shards import level_of
from trajprobe.rows import Row, Run, held_against, levels_of, named_row, named_rows, trained_networks, variants

NET = {"family": "net", "clips": "t5", "weights": "net", "like": "net", "layer": "hidden", "pooling": "mean"}
SHUFFLED = {"family": "net", "clips": "t5", "weights": "net-shuffled", "like": "net"}
BARE = {"family": "net", "clips": "t5", "weights": "random", "like": "bare", "layer": 3}
PIXELS = {"family": "pixels", "clips": "t5", "weights": "none", "like": "pixels"}


def values(primary="net", **rows):
    known = {"net": NET, "net-shuffled": SHUFFLED, "bare": BARE, "pixels": PIXELS}
    rows = known | {name.replace("_", "-"): row for name, row in rows.items()}
    return {"rows": rows, "compare": {"primary": primary}}


def coordinates(name, **changes):
    row = named_row(values(**({name.replace("-", "_"): values()["rows"][name] | changes} if changes else {})), name)
    return ["/".join(of[1:]) for of in variants(name, row, seeds=2)]


def test_a_row_with_weights_yields_its_pretrained_network_and_random_ones():
    assert coordinates("net") == [
        "pretrained/plain/hidden.mean",
        "random/0/plain/hidden.mean",
        "random/1/plain/hidden.mean",
    ]


def test_weights_that_were_trained_from_several_seeds_are_so_many_networks_and_the_first_is_perturbed():
    row = named_row(values(net=NET | {"perturbations": ["middle-frame"]}), "net")
    assert ["/".join(of[1:3]) for of in variants("net", row, seeds=1, trained=2)] == [
        "pretrained/0/plain",
        "pretrained/1/plain",
        "random/0/plain",
        "pretrained/0/middle-frame",
    ]


def test_how_many_networks_a_recipe_trains_is_read_from_it():
    given = values() | {"pretrain": {"net": {"seeds": 3}}}
    assert trained_networks(given, named_row(given, "net")) == 3
    assert trained_networks(given, named_row(given, "net-shuffled")) is None


def test_a_row_without_weights_yields_random_networks_alone():
    assert coordinates("bare") == ["random/0/plain/3.tmean", "random/1/plain/3.tmean"]


def test_a_row_like_another_yields_its_weights_alone_with_the_others_layer():
    assert coordinates("net-shuffled") == ["pretrained/plain/hidden.mean"]


def test_each_network_sees_reversed_clips_where_they_are_asked_for():
    row = named_row(values(net=NET | {"perturbations": ["middle-frame"]}), "net")
    assert ["/".join(of[1:3]) for of in variants("net", row, seeds=1, trained=2, reverses=True)] == [
        "pretrained/0/plain",
        "pretrained/1/plain",
        "random/0/plain",
        "pretrained/0/reversed",
        "pretrained/1/reversed",
        "random/0/reversed",
        "pretrained/0/middle-frame",
    ]


@pytest.mark.parametrize(
    ("asked", "expected"), [({}, []), ("none", []), ("controls", ["pixels"]), ("all", ["net", "pixels"])]
)
def test_which_rows_see_reversed_clips(asked, expected):
    run = Run(seeds=2, microbatch=1, memory=1, **({"arrow_of_time": asked} if asked else {}))
    assert [row["like"] for row in (NET, PIXELS) if run.reverses(Row(**row))] == expected


def test_a_control_yields_one_variant():
    assert coordinates("pixels") == ["none/plain/features"]


def test_perturbed_inputs_go_through_the_first_network_and_permuted_weights_are_a_network():
    perturbed = ["middle-frame", "permuted-weights"]
    assert coordinates("net", perturbations=perturbed)[3:] == [
        "pretrained/middle-frame/hidden.mean",
        "permuted-weights/plain/hidden.mean",
    ]
    assert coordinates("bare", perturbations=["middle-frame"])[2:] == ["random/0/middle-frame/3.tmean"]


def test_a_row_like_another_has_its_layer_pooling_architecture_and_precision():
    changed = NET | {"layer": "codes", "architecture": {"width": 2}, "precision": "bfloat16"}
    row = named_rows(values(net=changed))["net-shuffled"]
    assert (row.layer, row.pooling, row.architecture, row.precision) == ("codes", "mean", {"width": 2}, "bfloat16")
    assert row.weights == "net-shuffled"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (SHUFFLED | {"layer": "codes"}, "got `layer`, expected none: a row has these of `rows.net`"),
        (SHUFFLED | {"pooling": "tmean", "architecture": {}}, "got `architecture` and `pooling`, expected none"),
        (SHUFFLED | {"family": "other"}, "family`: got `other`, expected `net`, as in `rows.net`"),
        (SHUFFLED | {"clips": "t9"}, "clips`: got `t9`, expected `t5`"),
        (SHUFFLED | {"like": "nothing"}, "like`: got `nothing`, expected a row of `rows`: net, net-shuffled, bare"),
        (SHUFFLED | {"against": "nothing"}, "against`: got `nothing`, expected a row of `rows`"),
        (
            SHUFFLED | {"weights": "random"},
            "like`: got `net`, expected `net-shuffled`: only a row with pretrained weights",
        ),
        (SHUFFLED | {"like": "bare"}, "like`: got `bare`, expected `net-shuffled`"),
        ({key: SHUFFLED[key] for key in SHUFFLED if key != "like"}, "missing key `like`"),
        (SHUFFLED | {"colour": 1}, "unknown key `colour`; the valid keys are family, clips, weights, like"),
    ],
)
def test_a_row_that_does_not_go_together_is_refused(row, message):
    with pytest.raises(UserError) as caught:
        named_rows(values(net_shuffled=row))
    assert message in str(caught.value)
    assert "rows.net-shuffled" in str(caught.value)


def test_a_row_is_like_no_row_that_is_like_a_third_one():
    with pytest.raises(UserError, match="got `net-shuffled`, which is like `net`; expected `net`"):
        named_rows(values(third=SHUFFLED | {"like": "net-shuffled"}))


@pytest.mark.parametrize("name", ["headline", "data", "pretrain"])
def test_a_name_that_the_summary_uses_is_refused(name):
    with pytest.raises(UserError, match=f"`rows.{name}`: got a name that the summary uses"):
        named_rows(values(**{name: PIXELS | {"like": name}}))


def test_rows_are_held_against_the_row_they_are_like_or_the_primary_one():
    assert held_against(values()) == {"net-shuffled": "net", "bare": "net", "pixels": "net"}
    assert held_against(values(primary="bare")) == {"net": "bare", "net-shuffled": "net", "pixels": "bare"}


def test_a_row_may_say_what_it_is_held_against():
    assert held_against(values(bare=BARE | {"against": "pixels"}))["bare"] == "pixels"


def test_a_primary_row_that_is_not_there_is_refused():
    with pytest.raises(
        UserError, match=r"`compare\.primary`: got `other`, expected a row of `rows`: net, net-shuffled"
    ):
        held_against(values(primary="other"))


def test_a_control_is_known_by_its_weights():
    assert Row(**PIXELS).is_control
    assert not Row(**BARE).is_control


def test_clutter_is_an_input_at_each_level_of_the_format_for_each_network():
    row = named_row(values(net=NET | {"perturbations": ["clutter", "middle-frame"]}), "net")
    inputs = [(of.network, of.input) for of in variants("net", row, seeds=1, trained=2, levels=(0.5, 2))]
    networks = ["pretrained/0", "pretrained/1", "random/0"]
    levels = [(network, f"clutter-{level}") for level in ("0.5", "2") for network in networks]
    assert inputs == [*((network, "plain") for network in networks), *levels, ("pretrained/0", "middle-frame")]
    names = ("plain", "clutter-0.5", "reversed")
    assert [level_of(name) for name in names] == [None, 0.5, None]
    bare = named_row(values(), "net")
    assert "clutter-2" not in [of.input for of in variants("net", bare, seeds=1, levels=(2,))]


def test_the_levels_of_a_row_are_those_of_its_format():
    clips = {"clips": {"t17": {"levels": [1, 2.5]}, "t5": {}}}
    row = Row(family="pixels", clips="t17", weights="none", like="pixels")
    assert levels_of(clips, row) == (1, 2.5)
    assert levels_of(clips, replace(row, clips="t5")) == ()
