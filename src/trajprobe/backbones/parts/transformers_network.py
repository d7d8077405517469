"""A model of transformers as a network of this repository: how it is called, and the grid of tokens in what it gives.

A layer is tokens [n s d] in the order of their patches, or a map [n d h w]; n is a clip for a model of videos, and a
frame for one of images. Tokens outside the grid (the class token and the like) come first.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel

from trajprobe.backbones.parts.transformers_classes import below_head

#: Arguments that keep a class from computing what no feature needs.
CALLS: Mapping[str, Mapping[str, Any]] = {"VJEPA2Model": {"skip_predictor": True}}
#: Classes whose tokens are in the order of their windows. Another output has them row by row: [n h w d].
WINDOWED = ("HieraModel",)


class Network(nn.Module):
    """A model of transformers and how it is called."""

    def __init__(self, model: PreTrainedModel, frames: int | None, side: int, order: str) -> None:
        """`frames`: of a clip, None for a model of images; `side`: of a frame, pixels; `order`: of a clip's tokens."""
        super().__init__()
        self.model, self.frames, self.side, self.order = model, frames, side, order
        backbone = below_head(model)
        self.windowed = type(backbone).__name__ in WINDOWED
        sides = patch(backbone.config)
        #: Tokens of a clip or frame (t h w); None: as many as there are.
        self.grid = sides and ((frames or 1) // sides[0], side // sides[1], side // sides[2])

    def forward(self, x: Tensor, *, hidden: bool = False) -> tuple[Any, Tensor | None]:
        """Input [b c t h w] -> the model's output, and for each frame (b t) its row there; None for a video model.

        Raises:
            ValueError: c t h w are not those that the model takes.
        """
        expected = (3, self.frames or x.shape[2], self.side, self.side)
        if tuple(x.shape[1:]) != expected:
            raise ValueError(f"got an input of shape {tuple(x.shape)}, expected [b c t h w] with c t h w = {expected}")
        if self.frames:
            pixels, rows = rearrange(x, "b c t h w -> b t c h w"), None
        else:
            pixels, rows = distinct(rearrange(x, "b c t h w -> (b t) c h w"))
        backbone = below_head(self.model)
        options = {"output_hidden_states": hidden or self.windowed, **CALLS.get(type(backbone).__name__, {})}
        return backbone(**{backbone.main_input_name: pixels}, **options), rows

    def tokens(self, out: Any, rows: Tensor | None, layer: str | int) -> Tensor:
        """What `forward` gives -> tokens [n s d], or the map [n d h w], of a layer; n = b, for images n = b * t."""
        tokens = self.states(out)[int(layer)] if layer != "last" else self.last(out)
        return tokens if rows is None else tokens[rows]

    def states(self, out: Any) -> list[Tensor]:
        """The hidden layers in the model's output, each as `tokens` gives it; none where the model does not tell."""
        if self.windowed:
            return [rearrange(state, "n h w d -> n d h w") for state in out.reshaped_hidden_states]
        return list(getattr(out, "hidden_states", None) or ())

    def last(self, out: Any) -> Tensor:
        """The last layer in the model's output, as `tokens` gives it."""
        tokens: Tensor = self.states(out)[-1] if self.windowed else out.last_hidden_state
        return tokens

    def split(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """What `tokens` gives -> the tokens outside the grid, which come first [n s d], and the grid [n d t h w].

        Raises:
            ValueError: there are fewer tokens than the grid has, or no grid can be seen in them.
        """
        if tokens.ndim == 4 and tokens.shape[2] == tokens.shape[3]:
            return rearrange(tokens, "n d h w -> n (h w) d")[:, :0], rearrange(tokens, "n d h w -> n d 1 h w")
        if tokens.ndim != 3:
            raise ValueError(f"got a layer of shape {tuple(tokens.shape)}, expected tokens [n s d] or a map [n d h w]")
        t, h, w = self.grid or square(tokens.shape[1])
        outside = tokens.shape[1] - t * h * w
        if outside < 0:
            raise ValueError(f"got {tokens.shape[1]} tokens, expected at least {t} x {h} x {w}")
        grid = rearrange(tokens[:, outside:], f"n ({self.order}) d -> n d t h w", t=t, h=h, w=w)
        return tokens[:, :outside], grid


def patch(config: PreTrainedConfig) -> tuple[int, int, int] | None:
    """The frames, rows and columns of a token; None: the model is a pyramid, whose maps shrink from stage to stage.

    Raises:
        ValueError: the configuration does not say.
    """
    tubelet, side = getattr(config, "tubelet_size", 1), getattr(config, "patch_size", None)
    if hasattr(config, "depths") or (tubelet == 1 and side is None):
        return None
    if isinstance(tubelet, list | tuple):
        sides = tuple(tubelet)
    else:
        sides = (tubelet, *side) if isinstance(side, list | tuple) else (tubelet, side, side)
    if len(sides) != 3 or not all(isinstance(length, int) and length > 0 for length in sides):
        raise ValueError(f"got patches of {sides}, expected frames, rows and columns of a {type(config).__name__}")
    return sides


def square(tokens: int) -> tuple[int, int, int]:
    """The grid (t h w) of so many tokens of a frame, among which may be a class token.

    Raises:
        ValueError: they make no square.
    """
    side = math.isqrt(tokens)
    if tokens - side**2 > 1:
        raise ValueError(f"got {tokens} tokens of a frame, expected those of a square, or a class token more")
    return 1, side, side


def distinct(frames: Tensor) -> tuple[Tensor, Tensor]:
    """Frames [n c h w] -> the distinct ones [m c h w], and the number of each of the n among them, int64 [n]."""
    numbers = torch.arange(len(frames), device=frames.device)
    if frames.is_meta:  # there are no values to compare: a forecast counts all frames
        return frames, numbers
    bits = frames.flatten(1).float().contiguous().view(torch.int32)
    keys = torch.randint(2**62, bits.shape[1:], generator=torch.Generator().manual_seed(0)).to(frames.device)
    sums = torch.stack([(row * keys).sum() for row in bits])  # modulo 2^64: the same on any device, in any order
    _, group = torch.unique(sums, return_inverse=True)
    first = numbers.new_full((int(group.max()) + 1,), len(frames)).scatter_reduce(0, group, numbers, "amin")
    if not all(torch.equal(frames[i], frames[j]) for i, j in enumerate(first[group].tolist()) if i != j):
        return frames, numbers  # different frames with the same sum
    return frames[first], group
