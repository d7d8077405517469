"""What model's checkpoint a `state_dict` seems to be, by its names: a wrong file is told by what it is."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

#: Found in the names of models that generate tokens: Open-MAGVIT2's, VideoGPT's and their kin.
_GENERATING = ("transformer", "first_stage_model", "tok_emb", "attn_stack.", "vqvae.")


def flat(state: Mapping[str, Any]) -> bool:
    """Whether encoder and decoder have no time, as an image tokenizer's."""
    parts = ("encoder", "decoder")
    axes = {value.ndim for key, value in state.items() if isinstance(value, Tensor) and key.startswith(parts)}
    return 4 in axes and 5 not in axes


def seems(state: Mapping[str, Any]) -> str:
    """What model's checkpoint it is, as far as its names tell."""
    if flat(state):
        return "an image tokenizer's checkpoint (its convolutions have no time)"
    if any(word in key for key in state for word in _GENERATING):
        return "the checkpoint of a transformer that generates tokens"
    if any(key.startswith(("codebook.", "pre_vq_conv", "post_vq_conv")) for key in state):
        return "a VideoGPT tokenizer's checkpoint"
    if any(key.startswith(("encoder.down.", "decoder.up.")) for key in state):
        return "an Open-MAGVIT2 tokenizer's checkpoint"
    return f"another model's checkpoint ({len(state)} entries: {', '.join(list(state)[:3])})"
