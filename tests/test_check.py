"""params.yaml of absurd values is refused in seconds, by its key, before anything of their size is made."""

import copy
import time
from pathlib import Path

import numpy as np
import pytest
from msgspec import inspect

from trajprobe.backbones import family as families
from trajprobe.check import check
from trajprobe.clips.sections import Format, Placement, Scene
from trajprobe.compare.comparison import Compare
from trajprobe.data.folds import Prepare
from trajprobe.data.synthetic import Synthetic
from trajprobe.errors import UserError
from trajprobe.files import memory
from trajprobe.params import read
from trajprobe.pretraining.train import Pretrain
from trajprobe.probes.settings import Probe
from trajprobe.published.source_videogpt import HyperParameters
from trajprobe.rows import Row, Run
from trajprobe.stage import Compute

ROOT = Path(__file__).parents[1]
NAMES = [
    path.stem for path in (ROOT / "src/trajprobe/backbones").glob("*.py") if path.stem not in ("family", "weights")
]
STRUCTS = [Compute, Synthetic, Prepare, Placement, Scene, Format, Pretrain, Run, Row, Probe, Compare, HyperParameters]
#: Seconds of processor time in which the check must end.
LIMIT = 5


@pytest.fixture(scope="module")
def real():
    return read(ROOT / "params.yaml")


@pytest.fixture
def machine(monkeypatch):
    """A machine of 16 GB, with the repository's folders."""
    monkeypatch.setattr(memory, "total", lambda: 16 * 10**9)
    monkeypatch.setattr(memory, "free", lambda: 16 * 10**9)
    monkeypatch.chdir(ROOT)
    for name in ("TRAJPROBE_DEVICE", "TRAJPROBE_EXECUTOR", "TRAJPROBE_WORKERS"):
        monkeypatch.delenv(name, raising=False)


def numbers(kind, *above):
    """The numbers of a msgspec type, each by the names that lead to it."""
    if isinstance(kind, inspect.StructType):
        for field in kind.fields:
            yield from numbers(field.type, *above, field.name)
    elif isinstance(kind, inspect.UnionType):
        for one in kind.types:
            yield from numbers(one, *above)
    elif isinstance(kind, inspect.VarTupleType | inspect.ListType):
        yield from numbers(kind.item_type, *above)
        yield (*above, "length"), None, kind.max_length
    elif isinstance(kind, inspect.TupleType):
        for one in kind.item_types:
            yield from numbers(one, *above)
    elif isinstance(kind, inspect.IntType | inspect.FloatType):
        low = [bound for bound in (kind.ge, kind.gt) if bound is not None]
        high = [bound for bound in (kind.le, kind.lt) if bound is not None]
        yield above, low and low[0], high and high[0]


def test_every_number_of_every_parameter_has_bounds():
    structs = [*STRUCTS]
    for name in NAMES:
        of = families.family(name)
        structs.append(of.Architecture if of.is_network else of.Options)
    missing = [
        (struct.__name__, *where)
        for struct in structs
        for where, low, high in numbers(inspect.type_info(struct))
        if high in (None, []) or low == []
    ]
    assert set(missing) == {("Row", "layer")}  # held against the number of the network's layers


def test_the_repositorys_own_parameters_are_taken(real, machine):
    check(copy.deepcopy(real))


ABSURD = [
    ("synthetic.clips", 10**12), ("synthetic.points", 2**64), ("synthetic.points", 100_000), ("prepare.folds", 10**12),
    ("scenes.default.marker.radius", 1e-310), ("scenes.default.clutter", {"objects": 10**12}),
    ("scenes.default.camera.pan", 1e300), ("scenes.default.trail", {"width": -1.0}),
    ("clips.t17.frames", 10**12), ("clips.t17.resolution", 2**64),
    ("clips.t17", {"frames": 10_000, "resolution": 4096}), ("pretrain.magvit2-tiny.steps", 10**12),
    ("pretrain.magvit2-tiny.batch", 2**64), ("pretrain.magvit2-tiny.batch", 10**5),
    ("pretrain.magvit2-tiny.learning_rate", float("inf")), ("pretrain.magvit2-tiny.weight_decay", 1e300),
    ("pretrain.magvit2-tiny.seeds", 2**64), ("pretrain.magvit2-tiny.architecture", {"channels": 4096}),
    ("features.seeds", 10**12), ("features.microbatch", 2**64), ("features.memory", float("nan")),
    ("rows.magvit2-tiny.layer", 2**64), ("rows.magvit2-tiny.architecture", {"channels": 10**12}),
    ("rows.magvit2-tiny.architecture", {"channels": 4096, "multipliers": [64, 64, 64]}),
    ("rows.magvit2-tiny.architecture", {"residual_blocks": 10**12}),
    ("rows.magvit2-tiny.architecture", {"residual_blocks": 64, "channels": 2048}),
    ("rows.magvit2-tiny.perturbations", ["middle-frame"] * 30),
    ("rows.noise.options", {"dimensions": 10**12, "seed": 0}), ("rows.noise.options.seed", 2**64),
    ("probe.permutations", 10**12), ("probe.few_shot.draws", 10**12), ("probe.code_length.draws", 2**64),
    ("probe.mlp.units", 10**12), ("probe.mlp.epochs", 2**64), ("probe.logistic.max_iter", 10**12),
    ("probe.logistic.c", [1e-320]), ("probe.logistic.c", [1.0] * 2000), ("probe.knn.neighbours", [2**64]),
    ("probe.inner_folds", 10**12), ("probe.seed", -1), ("compare.alpha", 1e-320), ("compare.margin", 1e-320),
    ("compare.confidence", float("inf")), ("compute.threads", 2**64),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value"), ABSURD, ids=[f"{key} {str(value)[:30]}" for key, value in ABSURD])
def test_an_absurd_value_is_refused_at_once_by_its_key(real, machine, key, value):
    values = copy.deepcopy(real)
    *above, last = key.split(".")
    node = values
    for name in above:
        node = node[name]
    node[last] = value
    begun = time.process_time()
    with pytest.raises(UserError) as caught:
        check(values)
    assert time.process_time() - begun < LIMIT
    message = str(caught.value)
    assert key.split(".")[0] in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("key", "got", "expected"),
    [
        ("rows.magvit2-tiny.family", "magvit3", "got family `magvit3`, expected one of coordinates, diffusers, "),
        ("rows.noise.family", "Noise", "got family `Noise`, expected one of coordinates, diffusers, "),
        ("rows.noise.family", "weights", "got family `weights`, which has no `build` and no `features`, expected one"),
        ("pretrain.magvit2-tiny.family", "magvit3", "got family `magvit3`, expected one of magvit2_tiny "),
        ("pretrain.magvit2-tiny.family", "noise", "got family `noise`, which has no `FRAMES_PER_TOKEN`, expected one"),
    ],
)
def test_a_wrong_family_is_refused_by_its_key(real, machine, key, got, expected):
    values = copy.deepcopy(real)
    section, name, _ = key.split(".")
    values[section][name]["family"] = got
    for row in values["rows"].values():  # which must have the same one as the row that it is like
        row |= {"family": got} if section == "rows" and row["like"] == name else {}
    with pytest.raises(UserError) as caught:
        check(values)
    assert str(caught.value).startswith(f"params.yaml: `{key}`: {expected}")


def test_pairs_of_classes_are_those_of_the_data_set(real, machine, tmp_path, monkeypatch):
    monkeypatch.setattr("trajprobe.check.RAW", tmp_path)
    arrays = {"trajectories": np.zeros(3), "labels": np.array([0, 1]), "label_names": np.array(["in", "out"])}
    np.savez(tmp_path / "doors.npz", **arrays)
    np.savez(tmp_path / "unnamed.npz", trajectories=np.zeros(3), labels=np.array(["up", "down"]))
    pairs = {"synthetic": [["linear", "fidgeting"]], "doors": [["in", "outwards"]], "unnamed": [["up", "up"]]}
    messages = {
        "synthetic": "got fidgeting, expected a class of linear, accelerating, ",
        "doors": "got outwards, expected a class of in, out",
        "unnamed": "got a class twice, expected each in one pair: up, up",
    }
    for dataset, message in messages.items():
        values = copy.deepcopy(real) | {"dataset": dataset}
        values["compare"]["reversals"] = pairs
        with pytest.raises(UserError) as caught:
            check(values)
        assert str(caught.value).startswith(f"params.yaml: `compare.reversals.{dataset}`: {message}")
        values["compare"]["reversals"] = {name: of for name, of in pairs.items() if name != dataset}
        check(values)
        values["compare"]["reversals"] = {"doors": [["in", "out"]], "unnamed": [["up", "down"]]}
        check(values)


def row_of(family, form, **architecture):
    row = {"family": family, "clips": "wide", "weights": "random", "like": "wide", "architecture": architecture}
    return {
        "clips": {"wide": form},
        "rows": {"wide": row | {"layer": LAYERS.get(family, "latents")}},
    }


LAYERS = {"huggingface": "last", "transnetv2": "block3"}
VIDEO = {"frames": 16, "resolution": 128}
NETWORKS = [
    row_of("open_magvit2", VIDEO | {"frames": 17}, ch=4096, ch_mult=[64] * 4, num_res_blocks=32),
    row_of("open_magvit2", VIDEO | {"frames": 17}, ch_mult=[1] * 40),
    row_of("open_magvit2", VIDEO | {"frames": 17}, num_res_blocks=10**12),
    row_of("videogpt", VIDEO, n_hiddens=2**16, n_res_layers=64),
    row_of("videogpt", VIDEO, n_res_layers=10**12),
    row_of("videogpt", VIDEO, downsample=[2**60, 4, 4]),
    row_of("videogpt", VIDEO, n_codes=2**20, embedding_dim=2**20),
    row_of("videogpt", VIDEO, resolution=10**12),
    row_of("transnetv2", VIDEO, filters=4096, cells=64),
    row_of("transnetv2", VIDEO, filters=10**12),
    row_of("huggingface", VIDEO, preset="videomae-base", config={"hidden_size": 10**9}),
    row_of("huggingface", VIDEO, preset="videomae-base", config={"hidden_size": 10**6}),
    row_of("huggingface", VIDEO, preset="videomae-base", config={"num_hidden_layers": 10**9}),
    row_of("huggingface", VIDEO, preset="videomae-base", resize=10**9),
    row_of("huggingface", VIDEO, preset="videomae-base", mean=[float("nan")] * 3),
    row_of("huggingface", VIDEO, preset="videomae-base", std=[1e-320] * 3),
    row_of("huggingface", VIDEO, preset="videomae-base", config={"patch_size": 1, "tubelet_size": 1}),
    row_of("huggingface", VIDEO, preset="videomae-base", config={"_attn_implementation": "evil/kernel"}),
    row_of("huggingface", VIDEO, preset="clip-vit-b32", config={"hidden_size": 2**20, "num_attention_heads": 1}),
]


@pytest.mark.parametrize("changes", NETWORKS, ids=[str(number) for number in range(len(NETWORKS))])
def test_a_network_that_no_machine_holds_is_refused_at_once(real, machine, changes):
    values = copy.deepcopy(real)
    for section, entries in changes.items():
        values[section] |= entries
    begun = time.process_time()
    with pytest.raises(UserError, match="wide"):
        check(values)
    assert time.process_time() - begun < LIMIT


def test_a_network_that_only_a_cluster_or_a_gpu_holds_is_not_held_against_this_machine(real, machine, monkeypatch):
    monkeypatch.setattr(memory, "total", lambda: 300 * 10**6)
    values = copy.deepcopy(real)
    for section, entries in row_of("open_magvit2", VIDEO | {"frames": 17}).items():
        values[section] |= entries
    with pytest.raises(UserError, match=r"`rows.wide`: too large: needs .* GB of memory, the machine has 0.3 GB"):
        check(values)
    for name, value in (("TRAJPROBE_DEVICE", "cuda"), ("TRAJPROBE_EXECUTOR", "ray")):
        monkeypatch.setenv(name, value)
        check(values)
        monkeypatch.delenv(name)
