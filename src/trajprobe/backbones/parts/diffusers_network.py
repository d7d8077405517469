"""The encoder of an autoencoder of diffusers, as a network of this repository.

diffusers is an extra, and takes seconds to import: this module does it when a class is asked for.
"""

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from trajprobe.backbones.parts import tokenizer
from trajprobe.errors import UserError

#: Parts of an autoencoder that take part in its latents. No other one is kept.
PARTS = ("encoder", "quant_conv")
#: Settings of a class that change no latent: what latents are scaled with before a video is generated of them, and the
#: size of the videos that it was trained on.
NOT_OF_LATENTS = (
    *("latents_mean", "latents_std", "scaling_factor", "shift_factor", "invert_scale_latents", "force_upcast"),
    *("sample_height", "sample_width"),
)
#: Classes whose latents could not be trusted, and why.
UNUSABLE = {
    "AutoencoderKLAllegro": "encodes in tiles alone",
    "AutoencoderKLKVAEVideo": "has a wrong variance (huggingface/diffusers#13652)",
    "AutoencoderKLMagvit": "was never tried here",
    "AutoencoderKLMiniMaxH3": "was never tried here",
    "AutoencoderVidTok": "does not pad clips whose frames fill no token",
}


def autoencoder_class(name: str) -> Callable[..., Any]:
    """The class of diffusers of that name.

    Raises:
        UserError: diffusers is not installed.
        ValueError: the class does not exist, is no autoencoder, or can't be used.
    """
    try:
        diffusers = importlib.import_module("diffusers")
        with torch.device("cpu"):  # a module makes its constants when it is imported, on whatever device is set then
            kind = getattr(diffusers, name, None) if name.startswith("Autoencoder") else None
    except ModuleNotFoundError as error:
        raise UserError(
            f"family diffusers: needs the package {error.name}; `pip install 'trajprobe[diffusers]'` installs it"
        ) from None
    if name in UNUSABLE:
        raise ValueError(f"got model {name}, which {UNUSABLE[name]}; name another class")
    if not isinstance(kind, type):
        raise ValueError(f"got model {name}, expected an autoencoder of diffusers, such as AutoencoderKLWan")
    return kind


def defaults(kind: Callable[..., Any]) -> dict[str, Any]:
    """Settings of a class that change its latents, with their defaults."""
    settings = inspect.signature(kind).parameters.items()
    return {
        name: each.default for name, each in settings if each.default is not each.empty and name not in NOT_OF_LATENTS
    }


class Network(nn.Module):
    """An autoencoder's parts that make latents, under upstream's names; the input is float [b c t h w] in [-1, 1]."""

    def __init__(self, autoencoder: Any) -> None:
        """Deletes from `autoencoder` what makes no latents, its decoder above all."""
        super().__init__()
        for name, _ in [*autoencoder.named_children(), *autoencoder.named_buffers(recurse=False)]:
            if name not in PARTS:
                delattr(autoencoder, name)
        self.encoder: nn.Module = autoencoder.encoder
        if isinstance(part := getattr(autoencoder, "quant_conv", None), nn.Module):
            self.quant_conv = part
        # Clips are encoded whole. HunyuanVideo's class cuts those of more than 16 frames into overlapping pieces, and
        # mixes what it gets of them, unless it is told otherwise.
        autoencoder.use_slicing = autoencoder.use_tiling = False
        autoencoder.use_framewise_encoding = autoencoder.use_framewise_decoding = False
        # In a list, so that torch does not see the same parts twice.
        self._autoencoder = [autoencoder]

    def forward(self, x: Tensor) -> Tensor:
        """Input [b c t h w] -> the mean of the latents [b d t' h' w'].

        Raises:
            ValueError: x is not [b c t h w] with c = 3, a side of it is empty, or it does not have the type of the
                weights.
        """
        first: Tensor = next(self.parameters())
        tokenizer.check_input(x, first.dtype)
        with _Pooling():
            latents: Tensor = self._autoencoder[0].encode(x).latent_dist.mode()
        return latents

    def layers(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Input [b c t h w] -> the encoder's last hidden layer [b d t' h' w'], and the latents that are made of it."""
        *_, last = self.encoder.children()
        pieces: list[Tensor] = []  # Wan and CogVideoX encode so many frames after the other
        handle = last.register_forward_pre_hook(lambda _, inputs: pieces.append(inputs[0]))
        try:
            latents = self(x)
        finally:
            handle.remove()
        hidden = torch.cat(pieces, dim=1 if isinstance(last, nn.Linear) else 2)
        return (hidden.movedim(-1, 1) if isinstance(last, nn.Linear) else hidden), latents


class _Pooling(TorchFunctionMode):
    """Means over places in bfloat16, which torch does not have on CPUs: in float32, rounded, as on GPUs."""

    def __torch_function__(
        self, func: Any, types: Sequence[Any], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is F.avg_pool3d and args[0].dtype == torch.bfloat16:
            return func(args[0].float(), *args[1:], **(kwargs or {})).bfloat16()
        return func(*args, **(kwargs or {}))
