"""The strict reader: every mistake in params.yaml is a UserError that names the key, and the valid ones."""

import re
import time
from pathlib import Path
from typing import Annotated

import pytest
from dvc.utils.hydra import apply_overrides
from msgspec import Meta

from trajprobe.errors import UserError
from trajprobe.params import SECTIONS, Parameters, check_name, parse, read, section

REAL = (Path(__file__).parents[1] / "params.yaml").read_text(encoding="utf-8")


class Inner(Parameters, frozen=True):
    c: Annotated[list[float], Meta(min_length=1)]
    count: Annotated[int, Meta(ge=1)]


GOOD = {"c": [1.0], "count": 1}


def read_text(folder, text):
    path = folder / "params.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read(path)


def file_with(**sections):
    """The text of a params.yaml with every section, each `0` but for those given."""
    return "\n".join(f"{name}: {sections.get(name, 0)}" for name in SECTIONS)


def refusal(call, *arguments):
    with pytest.raises(UserError) as caught:
        call(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_the_repositorys_own_file_is_read_whole(tmp_path):
    assert set(read_text(tmp_path, REAL)) == set(SECTIONS)


def test_setting_values_by_dvc_again_and_again_loses_no_comment(tmp_path):
    """DVC writes each list anew, and with it a comment that follows: the second `dvc exp run -S` loses it."""
    path = tmp_path / "params.yaml"
    path.write_text(REAL)
    for seed in range(3):
        apply_overrides(str(path), [f"probe.seed={seed}"])
    comments = re.findall("#(.*)", REAL)
    assert len(comments) > 80
    assert re.findall("#(.*)", path.read_text()) == comments


def test_an_unknown_section_is_refused_with_the_valid_ones(tmp_path):
    message = refusal(read_text, tmp_path, file_with() + "\nprobes: 1\n")
    assert "unknown key `probes`" in message
    assert all(name in message for name in SECTIONS)


@pytest.mark.parametrize("gone", SECTIONS)
def test_a_missing_section_is_refused_with_the_expected_ones(tmp_path, gone):
    text = "\n".join(line for line in file_with().splitlines() if not line.startswith(f"{gone}:"))
    message = refusal(read_text, tmp_path, text)
    assert f"missing key `{gone}`" in message
    assert all(name in message for name in SECTIONS)


@pytest.mark.parametrize(("before", "twice"), [("dataset:", "dataset: other\n"), ("  folds:", "  folds: 7\n")])
def test_a_repeated_key_is_refused_at_any_depth(tmp_path, before, twice):
    key = before.strip(" :")
    text = REAL.replace(before, twice + before, 1)
    second = text[: text.index(before, text.index(twice) + len(twice))].count("\n") + 1
    message = refusal(read_text, tmp_path, text)
    assert f"line {second}: `{key}` stands twice in one mapping; merge or rename them" in message


@pytest.mark.parametrize(("text", "reason"), [
    ("", "expected a mapping"),
    ("- dataset\n", "expected a mapping"),
    ("dataset", "expected a mapping"),
    ("dataset: [\n", "params.yaml: is no valid YAML: while parsing a flow node did not find expected node content in"),
    ("dataset: *nobody\n", "no valid YAML"),
    ("dataset: !python/object:os.system x\n", "no valid YAML"),
    ("dataset: a\n---\ndataset: b\n", "no valid YAML"),
    (b"dataset: \xff\n", "not UTF-8"),
])  # fmt: skip
def test_what_is_no_yaml_mapping_is_refused(tmp_path, text, reason):
    message = refusal(read_text, tmp_path, text)
    assert reason in message
    assert str(tmp_path) in message


LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))


@pytest.mark.parametrize(("text", "reason"), [
    ("a: " + "[" * 3000 + "]" * 3000, "it nests more than 50 levels"),
    ("a: " + "[" * 100_000, "it nests more than 50 levels"),
    ("".join(f"{' ' * level}a:\n" for level in range(60)), "it nests more than 50 levels"),
    (LAUGHS, "it stands for more than 100,000 values, aliases counted"),
    (LAUGHS.replace("[*", "{<<: [*").replace("]", "]}").replace("[x, x]}", "{x: 1}"), "more than 100,000 values"),
    ("a: &a [*a]", "*a stands for nothing, or for itself"),
    ("a: [" + "1, " * 100_000 + "]", "it stands for more than 100,000 values"),
    ("a: " + "x" * 2**22, "it has 4,194,307 characters"),
    ("a: " + "9" * 5000, "Exceeds the limit"),
    ("a: 2020-13-45", "month must be in 1..12"),
    ("? [a, [b]]\n: 1", "unhashable"),
])  # fmt: skip
def test_yaml_that_stands_for_too_much_or_for_nothing_is_refused_at_once(tmp_path, text, reason):
    begun = time.process_time()
    message = refusal(read_text, tmp_path, text)
    assert "params.yaml: is no valid YAML: " in message
    assert reason in message
    assert time.process_time() - begun < 4


def test_a_missing_file_is_refused_with_what_to_do(tmp_path):
    message = refusal(read, tmp_path / "params.yaml")
    assert str(tmp_path / "params.yaml") in message
    assert "top of the repository" in message


@pytest.mark.parametrize("text", ["3e-3", "3E-3", "0.003", ".3e-2"])
def test_scientific_notation_is_a_number(tmp_path, text):
    values = read_text(tmp_path, file_with(probe=text))
    assert section(values, float, "probe") == 0.003


@pytest.mark.parametrize("text", ["yes", "on", "off", "no"])
def test_yaml_1_1_booleans_stay_strings(tmp_path, text):
    assert read_text(tmp_path, file_with(dataset=text))["dataset"] == text


def test_a_merged_mapping_is_filled_from_its_anchor_and_its_own_keys_win(tmp_path):
    text = file_with(clips="{a: &a {c: [1.0], count: 2}, b: {<<: *a, count: 3}}")
    values = read_text(tmp_path, text)
    assert section(values, Inner, "clips", "a") == Inner(c=[1.0], count=2)
    assert section(values, Inner, "clips", "b") == Inner(c=[1.0], count=3)


def test_an_unknown_key_that_comes_through_a_merge_is_refused(tmp_path):
    values = read_text(tmp_path, file_with(clips="{a: &a {c: [1.0], count: 2, more: 1}, b: {<<: *a}}"))
    assert "unknown key `more`; the valid keys are c, count" in refusal(section, values, Inner, "clips", "b")


@pytest.mark.parametrize(("node", "reason"), [
    (GOOD | {"cuont": 1}, "unknown key `cuont`"),
    ({"c": [1.0]}, "missing key `count`"),
    (GOOD | {"count": "1"}, "at `count`: Expected `int`, got `str`"),
    (GOOD | {"count": 1.5}, "at `count`: Expected `int`, got `float`"),
    (GOOD | {"count": True}, "at `count`: Expected `int`, got `bool`"),
    (GOOD | {"count": None}, "at `count`: Expected `int`, got `null`"),
    (GOOD | {"count": 0}, "at `count`: Expected `int` >= 1"),
    (GOOD | {"c": []}, "at `c`: Expected `array` of length >= 1"),
    (GOOD | {"c": [1.0, "x"]}, "at `c[1]`: Expected `float`, got `str`"),
    ([1], "Expected `object`, got `array`"),
    (None, "Expected `object`, got `null`"),
])  # fmt: skip
def test_what_does_not_fit_is_refused_with_place_and_valid_keys(node, reason):
    message = refusal(section, {"part": {"row": node}}, Inner, "part", "row")
    assert message.startswith("params.yaml: `part.row`")
    assert reason in message
    assert message.endswith("; the valid keys are c, count")


@pytest.mark.parametrize(("keys", "reason"), [
    (("clips", "t71"), "no `t71` in `clips`; expected one of t17, t32"),
    (("none", "t17"), "no `none` in `the file`; expected one of clips, dataset"),
    (("dataset", "t17"), "no `t17` in `dataset`; expected one of none"),
])  # fmt: skip
def test_a_place_that_is_not_there_is_refused_with_those_that_are(keys, reason):
    values = {"clips": {"t17": GOOD, "t32": GOOD}, "dataset": "synthetic"}
    assert refusal(section, values, Inner, *keys).endswith(reason)


@pytest.mark.parametrize("name", ["a", "T17", "0-9_z", "a" * 100])
def test_a_name_of_letters_digits_and_strokes_will_do(name):
    check_name(name, "here", ("taken",))


@pytest.mark.parametrize("name", ["", "-a", "_a", "a.b", "a/b", "../a", "a b", "a\n", "\u00e9", "a" * 101, "taken"])
def test_any_other_name_is_refused_with_what_is_expected(name):
    message = refusal(check_name, name, "here", ("taken", "too"))
    assert message == f"here: got {name!r}, expected letters, digits, - and _, and none of taken, too; rename it"


def test_where_no_name_is_taken_none_is_told():
    assert refusal(check_name, "a b", "here").endswith("letters, digits, - and _; rename it")


def test_parameters_are_immutable():
    class Plain(Parameters):
        count: int

    with pytest.raises(AttributeError, match="immutable"):
        parse({"count": 1}, Plain, "w").count = 2
