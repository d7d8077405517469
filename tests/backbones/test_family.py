"""Families are found by name; what a module offers is checked and completed by defaults."""

import pickle
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from vector_maths import NoVectorMaths

from trajprobe import params
from trajprobe.backbones import family as families
from trajprobe.backbones import magvit2_tiny, weights
from trajprobe.backbones.family import family
from trajprobe.errors import UserError

NETWORKS = [
    *("diffusers", "efficientnet_lite", "huggingface", "magvit2_tiny", "open_magvit2", "transnetv2", "videogpt"),
]
CONTROLS = ["coordinates", "extent", "kinematics", "noise", "pixels", "start_position"]


def test_every_other_module_of_the_folder_is_a_network_or_a_control():
    files = {path.stem for path in Path(families.__file__).parent.glob("*.py")} - {"family", "weights"}
    assert sorted(files) == sorted(NETWORKS + CONTROLS)
    assert [name for name in sorted(files) if family(name).is_network] == NETWORKS
    assert [name for name in sorted(files) if family(name).is_control] == CONTROLS


@pytest.mark.parametrize(
    ("part", "names"),
    [
        ("", sorted(NETWORKS + CONTROLS)),
        ("build", NETWORKS),
        ("features", CONTROLS),
        ("FRAMES_PER_TOKEN", ["magvit2_tiny"]),
    ],
)
def test_an_unknown_family_is_refused_with_the_valid_names(part, names):
    for name in ("magvit3", "../params", "", "Noise", "parts"):
        with pytest.raises(UserError) as error:
            family(name, part)
        assert f"got family `{name}`, expected one of {', '.join(names)} (" in str(error.value)
    for name in names:
        assert family(name, part).module == f"trajprobe.backbones.{name}"


@pytest.mark.parametrize(
    ("name", "part", "lack"),
    [
        ("noise", "build", "`build`"),
        ("magvit2_tiny", "features", "`features`"),
        ("open_magvit2", "FRAMES_PER_TOKEN", "`FRAMES_PER_TOKEN`"),
        ("weights", "", "`build` and no `features`"),
    ],
)
def test_a_module_without_the_part_that_is_needed_is_refused_with_its_name(name, part, lack):
    with pytest.raises(UserError, match=f"got family `{name}`, which has no {lack}, expected one of"):
        family(name, part)


def test_parts_are_those_of_the_module():
    tiny = family("magvit2_tiny")
    for part in ("Architecture", "LAYERS", "build", "preprocess", "layer", "DISCRETE", "code_bits", "from_codes"):
        assert getattr(tiny, part) is getattr(magvit2_tiny, part)
    assert (tiny.name, tiny.FRAMES_PER_TOKEN, tiny.PIXELS_PER_TOKEN) == ("magvit2_tiny", 4, 8)
    assert family("videogpt").fill_codebook is not None
    assert family("huggingface").POOLINGS == ("cls", "pooler")
    assert family("huggingface").PACKAGES == ("transformers",)
    assert family("huggingface").load is families.importlib.import_module("trajprobe.backbones.huggingface").load


def test_parts_that_a_module_lacks_have_defaults():
    tiny, pixels = family("magvit2_tiny"), family("pixels")
    assert (tiny.fill_codebook, tiny.POOLINGS, tiny.PACKAGES) == (None, (), ())
    assert tiny.depth(tiny.Architecture()) == -1
    tiny.check_clips(tiny.Architecture(), (2, 3, 4), "rows.mine")
    assert (pixels.LAYERS, pixels.DISCRETE, pixels.FRAMES_PER_TOKEN) == ((), (), 0)
    for call in (lambda: tiny.pooled(1, 2, 3, "cls"), lambda: tiny.features(1, 2), lambda: pixels.build(1)):
        with pytest.raises(TypeError, match="does not have this part"):
            call()


@pytest.mark.parametrize("name", NETWORKS + CONTROLS)
def test_a_family_can_be_sent_to_another_process(name):
    sent = pickle.loads(pickle.dumps(family(name)))
    assert (sent.build, sent.features, sent.Architecture) == (
        family(name).build,
        family(name).features,
        family(name).Architecture,
    )


CODE = {
    "Architecture": "from trajprobe.params import Parameters\nclass Architecture(Parameters, frozen=True): pass\n",
    "LAYERS": "LAYERS = ('last',)\n",
    "build": "def build(architecture): return 'a network'\n",
    "preprocess": "def preprocess(video, architecture): return video\n",
    "layer": "def layer(network, x, name): return x\n",
}


@pytest.fixture
def write(tmp_path, monkeypatch):
    """A function: writes the module of family `mine`, beside no others."""
    monkeypatch.setattr(families, "FOLDER", tmp_path)
    monkeypatch.setattr(sys.modules["trajprobe.backbones"], "__path__", [str(tmp_path)])

    def to(code):
        monkeypatch.delitem(sys.modules, "trajprobe.backbones.mine", raising=False)
        families.importlib.invalidate_caches()
        (tmp_path / "mine.py").write_text(code)
        return tmp_path / "mine.py"

    yield to
    sys.modules.pop("trajprobe.backbones.mine", None)


def test_a_new_file_is_a_new_family(write):
    write("".join(CODE.values()))
    assert family("mine").build(None) == "a network"
    assert family("mine").is_network
    with pytest.raises(UserError, match=r"expected one of mine \("):
        family("another")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (CODE["build"], "has build but no Architecture, LAYERS, preprocess, layer; expected all of Architecture"),
        ("def features(batch, options): ...\n", "has features but no Options; expected all of Options, features, or"),
        ("".join(CODE.values()) + "POOLINGS = ('cls',)\n", "has POOLINGS but no pooled"),
        ("".join(CODE.values()) + "DISCRETE = ('codes',)\n", "has DISCRETE but no code_bits, from_codes"),
        ("".join(CODE.values()) + "FRAMES_PER_TOKEN = 4\n", "has FRAMES_PER_TOKEN but no PIXELS_PER_TOKEN"),
        (
            "".join(CODE.values()) + "Options = Architecture\ndef features(batch, options): ...\n",
            "has `build` and `features`; expected a network or a control, not both",
        ),
    ],
)
def test_a_module_with_one_part_without_another_is_refused(write, code, message):
    path = write(code)
    with pytest.raises(UserError) as error:
        family("mine")
    assert str(error.value).startswith(f"{path}: {message}")


TORCHLESS = """
import sys
from trajprobe.backbones.family import family
for name in sys.argv[1:]:
    assert family(name).is_control
print("torch" in sys.modules)
"""


def test_controls_need_no_torch():
    done = subprocess.run([sys.executable, "-c", TORCHLESS, *CONTROLS], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_an_architecture_is_checked_by_its_family():
    tiny = family("magvit2_tiny")
    node = {"channels": 8, "multipliers": [1, 2, 4], "residual_blocks": 1, "bits": 18}
    assert tiny.architecture(node, "rows.mine").multipliers == (1, 2, 4)
    assert tiny.architecture({}, "rows.mine") == tiny.architecture(node, "rows.mine")
    with pytest.raises(UserError, match=r"`rows.mine.architecture`: unknown key `chanels`.*channels, multipliers"):
        tiny.architecture({"chanels": 8}, "rows.mine")
    with pytest.raises(UserError, match=r"`rows.mine.architecture`, at `channels`"):
        tiny.architecture(node | {"channels": 6}, "rows.mine")
    with pytest.raises(UserError, match="unknown key `preset`"):  # of a family without presets
        tiny.architecture({"preset": "small"}, "rows.mine")


@pytest.mark.parametrize("name", NETWORKS)
def test_an_empty_architecture_is_a_network(name):
    of = family(name)
    with torch.device("meta"):
        network = of.build(of.architecture({}, "rows.mine"))
    assert sum(parameter.numel() for parameter in network.parameters()) > 10_000


def test_clips_that_a_network_cannot_take_are_refused_with_a_remedy():
    om = family("open_magvit2")
    om.check_clips(om.Architecture(), (5, 32, 32), "rows.mine")
    with pytest.raises(UserError, match=r"`rows.mine.clips`: got clips of 6 frames, .*; choose or add another format"):
        om.check_clips(om.Architecture(), (6, 32, 32), "rows.mine")


def test_weights_are_loaded_strictly_by_default(tmp_path):
    tiny = family("magvit2_tiny")
    network = tiny.build(tiny.Architecture(bits=3))
    weights.save(tmp_path / "saved", network, {})
    loaded, digest = tiny.load(tiny.Architecture(bits=3), tmp_path / "saved")
    assert digest == weights.provenance(tmp_path / "saved")["sha256"]
    assert all(torch.equal(tensor, network.state_dict()[key]) for key, tensor in loaded.state_dict().items())
    with pytest.raises(UserError, match="is the architecture the one it was trained with"):
        tiny.load(tiny.Architecture(bits=4), tmp_path / "saved")


def names(kind):
    """All keys of a parameter struct, at any depth."""
    for field in msgspec.structs.fields(kind):
        yield field.encode_name
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from names(field.type)


@pytest.mark.parametrize("name", NETWORKS + CONTROLS)
def test_no_key_has_a_name_that_dvc_ignores(name):
    of = family(name)
    keys = {*names(of.Architecture), *names(of.Options)}
    assert not keys & set(params.KEYS_LOST_BY_DVC)


@pytest.mark.parametrize("name", ["a" * 100_000, "..", "parts.lfq", "", "os", "a\nb", "\0"])
def test_a_name_that_is_no_name_is_refused(name):
    with pytest.raises(UserError, match="got family"):
        family(name)


@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in ("diffusers", "huggingface")])
@torch.no_grad()
def test_several_layers_in_one_run_have_the_bytes_of_each_alone(name):
    of = family(name)
    small = {
        "open_magvit2": {"ch": 32, "ch_mult": [1, 1], "num_res_blocks": 1, "z_channels": 4},
        "videogpt": {"n_hiddens": 8, "n_res_layers": 1, "embedding_dim": 4, "n_codes": 16, "downsample": [4, 4, 4]},
    }.get(name, {})
    architecture = of.architecture(small, "rows.net")
    torch.manual_seed(0)
    network = of.build(architecture).eval()
    video = torch.randint(256, (2, 8, 32, 32, 3), dtype=torch.uint8)
    x = of.preprocess(video, architecture)
    names = [*reversed(of.LAYERS), of.LAYERS[0]]
    for layer, tokens in zip(names, of.layers(network, x, names), strict=True):
        assert torch.equal(tokens, of.layer(network, x, layer)), layer


class NoIntegerProducts(TorchDispatchMode):
    """Refuses what CUDA does: matrix products of integers."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        product = function.overloadpacket.__name__ in ("mm", "bmm", "addmm", "baddbmm", "mv", "dot", "addmv")
        if product and not any(torch.is_tensor(arg) and arg.is_floating_point() for arg in args):
            raise NotImplementedError(f"{function} not implemented for 'Long'")
        return function(*args, **kwargs or {})


@pytest.mark.parametrize("refused", [NoIntegerProducts, NoVectorMaths])
@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in ("diffusers", "huggingface")])
def test_no_network_calls_what_a_gpu_lacks_or_what_differs_between_makers_of_cpus(name, refused):
    of = family(name)
    architecture = of.architecture({}, "rows.net")
    with torch.device("meta"):
        network = of.build(architecture)
        video = torch.zeros(1, 16 if name == "videogpt" else 17, 32, 32, 3, dtype=torch.uint8)
    with torch.no_grad(), refused():
        x = of.preprocess(video, architecture)
        for layer in of.LAYERS:
            of.layer(network, x, layer)


def test_what_is_refused_is():
    numbers = torch.ones(2, 2, dtype=torch.int64)
    with pytest.raises(NotImplementedError), NoIntegerProducts():
        torch.einsum("b d, d -> b", numbers, numbers[0])
    with pytest.raises(NotImplementedError), NoVectorMaths():
        torch.ones(3).sqrt()
