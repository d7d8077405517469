"""Pooling of tokens over space, by name."""

from collections.abc import Callable

from einops import rearrange, reduce
from torch import Tensor

from trajprobe.errors import UserError


def tmean(tokens: Tensor) -> Tensor:
    """Mean over space for each token step: [b d t h w] -> [b t d]."""
    return reduce(tokens, "b d t h w -> b t d", "mean")


def tdiff(tokens: Tensor) -> Tensor:
    """Differences of `tmean` from one token step to the next: [b d t h w] -> [b t-1 d]."""
    return tmean(tokens).diff(dim=1)


def mean(tokens: Tensor) -> Tensor:
    """Mean over space and time: [b d t h w] -> [b 1 d]."""
    return reduce(tokens, "b d t h w -> b 1 d", "mean")


def flatten(tokens: Tensor) -> Tensor:
    """Nothing is lost: [b d t h w] -> [b t (h w d)]."""
    return rearrange(tokens, "b d t h w -> b t (h w d)")


POOLINGS: dict[str, Callable[[Tensor], Tensor]] = {f.__name__: f for f in (tmean, tdiff, mean, flatten)}


def pooling(name: str, row: str, others: tuple[str, ...] = ()) -> Callable[[Tensor], Tensor]:
    """The pooling of that name; `others` are those that the row's family has beside these.

    Raises:
        UserError: there is none; the valid ones are named.
    """
    if name not in POOLINGS:
        raise UserError(
            f"params.yaml: `{row}.pooling`: got `{name}`, expected one of {', '.join((*POOLINGS, *others))}"
        )
    return POOLINGS[name]
