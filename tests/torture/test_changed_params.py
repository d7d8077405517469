"""Random changes of params.yaml: each is refused in one line, or checked, in seconds.

A longer run: TRAJPROBE_CASES=5000 pytest tests/torture/test_changed_params.py
"""

import copy
import io
import random
from pathlib import Path

import pytest
from limits import cases, limited
from ruamel.yaml import YAML

from trajprobe import params
from trajprobe.check import check
from trajprobe.errors import UserError

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "params.yaml").read_text(encoding="utf-8")
FURTHER = """
  videomae: {family: huggingface, clips: t17, weights: random, like: videomae, layer: last,
    architecture: {preset: videomae-base, config: {hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 2,
      intermediate_size: 64, image_size: 32, num_frames: 16}, resize: 32, crop: 32, frames: 16}}
  magvit: {family: open_magvit2, clips: t17, weights: random, like: magvit, layer: latents, pooling: mean,
    architecture: {ch: 32, ch_mult: [1, 1, 2], num_res_blocks: 1, z_channels: 6}}
  gpt: {family: videogpt, clips: t16, weights: random, like: gpt, layer: codes,
    architecture: {n_hiddens: 8, n_res_layers: 1, embedding_dim: 8, n_codes: 16, downsample: [2, 4, 4], resolution: 16}}
"""
VALUES = [
    *(0, -1, 1, 2, 3, 7, 100, 4096, 10**5, 10**6, 10**9, 10**12, 2**31, 2**63, 2**64, -(2**64), 10**30, 10**300),
    *(0.0, -0.0, 0.5, 1e-320, 1e-12, 1e39, 1e308, float("nan"), float("inf"), -float("inf"), 1.5),
    *(
        True,
        False,
        None,
        "",
        "x",
        "none",
        "random",
        "t17",
        "magvit2-tiny",
        "..",
        "a;touch b",
        "$(id)",
        "g|0\n- x",
        "\x1b[2J",
    ),
    *(
        "\u202e",
        "a" * 100_000,
        "synthetic",
        "os",
        "family",
        "weights",
        "parts.lfq",
        "latents",
        "codes",
        "mean",
        "flatten",
    ),
    *(
        [],
        {},
        [1],
        [0],
        [-1] * 3,
        [1, 2, 4],
        [2**64] * 3,
        [1.0] * 5000,
        [[1]],
        [None],
        ["x"],
        {"x": 1},
        {"preset": "x"},
    ),
    *(
        {"preset": "clip-vit-b32"},
        {"auto_map": {"a": "b"}},
        {"_attn_implementation": "evil/kernel"},
        {1: 2},
        {"size": 1},
    ),
    *(
        {"hidden_size": 10**9},
        {"num_hidden_layers": 10**9},
        {"frames": 10**6, "resolution": 10**6},
        {"channels": 2**40},
    ),
]


LETTERS = [*"[]{}:,&*!|>'\"%@`#-? \n\t0e.", "\x00", "<<", "---\n", "1" * 99]


def nodes(values, *above):
    """All places in nested mappings and lists."""
    for key, value in list(values.items()) if isinstance(values, dict) else enumerate(values):
        yield (*above, key)
        if isinstance(value, dict | list):
            yield from nodes(value, *above, key)


def changed(values, chance):
    """One change: a value, a key, a level more or less, or a part of another place."""
    *above, last = chance.choice(list(nodes(values)))
    node = values
    for key in above:
        node = node[key]
    kind = chance.random()
    if kind < 0.6:
        node[last] = copy.deepcopy(chance.choice(VALUES))
    elif kind < 0.7 and isinstance(node[last], int | float):
        node[last] = node[last] * chance.choice([-1, 0, 10, 1000, 10**6, 10**12, 1e-6, 1e-300])
    elif kind < 0.8 and isinstance(node, dict):
        node[chance.choice(["x", "nfiles", "steps", 3, None, "like", "a b", "\n"])] = node.pop(last)
    elif kind < 0.85:
        del node[last]
    elif kind < 0.9:
        for _ in range(chance.choice([1, 20, 60])):
            node[last] = chance.choice([{"x": node[last]}, [node[last]]])
    else:
        *_, other = chance.choice(list(nodes(values)))
        node[last] = copy.deepcopy(values.get(other, 1)) if isinstance(other, str) else other


def text_of(values):
    stream = io.StringIO()
    YAML(typ="safe").dump(values, stream)
    return stream.getvalue()


def changed_text(seed, base):
    chance = random.Random(seed)
    if seed % 8 == 0:  # letters of the text
        text = list(text_of(base))
        for _ in range(chance.choice([1, 3])):
            at = chance.randrange(len(text))
            text[at : at + chance.randrange(3)] = chance.choice(
                [*"[]{}:,&*!|>'\"%@`#-? \n\t0e.", "\x00", "<<", "---\n", "1" * 99]
            )
        return "".join(text)
    values = copy.deepcopy(base)
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        changed(values, chance)
    return text_of(values)


@pytest.fixture
def base():
    values = YAML(typ="safe").load(TEXT.replace("\nprobe:", FURTHER.rstrip() + "\n\nprobe:", 1))
    values["clips"]["t16"] = {"frames": 16, "resolution": 16}
    return values


@pytest.mark.harm("hostile parameters")
def test_changed_parameters_are_refused_in_one_line_or_checked_in_seconds(tmp_path, monkeypatch, base, record_property):
    monkeypatch.chdir(ROOT)
    path = tmp_path / "params.yaml"
    path.write_text(text_of(base))
    base["rows"]["videomae"]["clips"] = "t16"
    check(copy.deepcopy(base))
    taken = refused = 0
    for seed in cases(80):
        path.write_text(changed_text(seed, base), encoding="utf-8", errors="surrogatepass")
        with limited():
            try:
                check(params.read(path))
                taken += 1
            except UserError:
                refused += 1
            except Exception as error:  # noqa: BLE001 (whatever it is, the case is named)
                pytest.fail(f"case {seed}: {type(error).__name__}: {error}")
    print(f"{refused} refused, {taken} taken")  # noqa: T201 (for a longer run)
    assert refused > taken > 0
    record_property("times", len(cases(80)))
