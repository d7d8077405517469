"""Settings of a model of transformers (its config.json, or `config` of a row), checked before a network is made."""

import math
from collections.abc import Mapping
from typing import Any

from transformers import PreTrainedConfig, PreTrainedModel

from trajprobe.errors import visible_name
from trajprobe.files import memory

#: Settings that make transformers fetch code, kernels or another model.
CODE = (
    *("auto_map", "custom_pipelines", "trust_remote_code", "quantization_config", "use_kernels", "kernel_config"),
    *("allow_all_kernels", "backbone", "use_timm_backbone", "use_pretrained_backbone"),
)
#: Settings that name an implementation, or one for each part of a model.
ATTENTION = ("_attn_implementation", "attn_implementation", "_attn_implementation_internal", "experts_implementation")
#: Layers of a network, and any other integer of its settings, at most: the deepest published backbones have some 64
#: layers, of which the forecast takes 0.04 s each, and the widest vocabularies of captions 300,000 words.
MOST_LAYERS, MOST = 128, 2**20
#: Colours of a pixel, of which clips have 3.
CHANNELS, MOST_CHANNELS = ("num_channels", "in_channels", "in_chans"), 64
#: Sizes that no layer is without.
POSITIVE = ("hidden_size", "intermediate_size", "num_attention_heads", *CHANNELS)
#: Numbers of a table of positions at most: some models fill theirs in a loop of Python, a microsecond for each.
POSITIONS = 2**26


def with_attention(config: PreTrainedConfig, kind: type[PreTrainedModel]) -> PreTrainedConfig:
    """`config`, by which a `kind` uses torch's attention, or its own where it lacks that: never one from a hub."""
    config._attn_implementation = "sdpa" if kind._supports_sdpa else "eager"
    return config


def check_settings(settings: Mapping[str, Any]) -> None:
    """Refuses settings of a model that ask for code from elsewhere, or for a network of absurd size.

    transformers looks for a kernel on the hub whatever `local_files_only` says, and builds as many layers as a file
    says, which takes for ever.

    Raises:
        ValueError: which setting, and what is expected.
    """
    waiting: list[tuple[str, Any]] = list(settings.items())
    while waiting:
        key, value = waiting.pop()
        name = visible_name(key)
        if key in CODE and value:
            raise ValueError(f"got `{name}`, which asks for code or weights from elsewhere; leave it out")
        if key in ATTENTION and isinstance(value, str) and value not in ("eager", "sdpa"):
            raise ValueError(f"got `{name}` {visible_name(value)}, expected eager or sdpa; leave it out")
        if isinstance(value, dict):
            waiting += [(key if key in ATTENTION else str(inner), item) for inner, item in value.items()]
        elif isinstance(value, list):  # of what some call so in each block, and is no colour
            waiting += [("channels" if key in CHANNELS else key, item) for item in value]
        elif key in POSITIVE and isinstance(value, int) and value < 1:
            raise ValueError(f"got `{name}` {visible_name(value)}, expected 1 or more")
        elif isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"got `{name}` {value}, expected a finite number")
        elif isinstance(value, int) and abs(value) > (most := _most(key)):
            raise ValueError(f"got `{name}` {visible_name(value)}, expected at most {most:,}")


def _most(key: str) -> int:
    """The largest integer that a setting may have."""
    if key in CHANNELS:
        return MOST_CHANNELS
    if "channels" in key:  # of each block
        return MOST
    return MOST_LAYERS if any(part in key for part in ("layer", "depth", "block", "stage")) else MOST


def check_extent(config: PreTrainedConfig) -> None:
    """Refuses a network that does not fit into memory, by the settings that most models have.

    It is an estimate, of attention and of two linear layers in each layer, and made before the network: even without
    memory for its weights, to make it could take for ever.

    Raises:
        ValueError: what the network needs, and what the machine has.
    """
    hidden, layers = _setting(config, "hidden_size"), _setting(config, "num_hidden_layers")
    between = _setting(config, "intermediate_size") or 4 * hidden
    size = 4 * layers * hidden * (4 * hidden + 2 * between)
    if size > memory.total():
        raise ValueError(
            f"got {layers:,} layers of {hidden:,} channels, which need {size / memory.GB:,.1f} GB of memory for their "
            f"weights; the machine has {memory.total() / memory.GB:,.1f} GB"
        )
    side = _setting(config, "image_size")
    patch = max(1, _setting(config, "patch_size") or _setting(config, "tubelet_size"))
    steps = max(1, _setting(config, "num_frames") or _setting(config, "frames_per_clip"))
    if (numbers := steps * (side // patch) ** 2 * hidden) > POSITIONS:
        raise ValueError(
            f"got {steps:,} frames of {side:,} pixels in patches of {patch:,} and {hidden:,} channels, expected at "
            f"most {POSITIONS:,} numbers for their positions, not {numbers:,}"
        )


def _setting(config: PreTrainedConfig, key: str) -> int:
    """A setting that is a whole number, or the last of several (frames, height and width); else 0."""
    value = getattr(config, key, 0)
    last = value[-1] if isinstance(value, list | tuple) and value else value
    return last if isinstance(last, int) else 0
