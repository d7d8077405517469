"""The attentive probe: queries that attend to a clip's tokens, and a linear classifier of what they gather.

After V-JEPA (Bardes et al. 2024, arXiv 2404.08471) and CAPI (Darcet et al. 2025, arXiv 2502.08769), without the MLP of
the former. A mean over tokens hides what few of them say; here the probe learns where to look. For a clip's tokens
x (n d), and in each head a query q (w) and keys and values that are linear maps K and V (w d) of the tokens:

    a = softmax(x K'q / sqrt(w))        (n), the attention
    z = V x'a                           (w), what the head gathers

The class is a linear map of all heads' z. K'q is computed first, so that the keys (n w) never are: the same function
with the same gradients, at a share of the arithmetic. A learned place is added to each token, since the tokens of a
convolution don't know theirs; it begins at 0.
"""

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from msgspec.structs import replace
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from trajprobe.files.labelling import Labelling
from trajprobe.files.probe_results import NetworkProbe
from trajprobe.probes import pool
from trajprobe.probes.arrays import Integers
from trajprobe.probes.clips_of_tracks import averaged, labels_of_clips
from trajprobe.probes.cross_validation import OuterFold, ViewProbe
from trajprobe.probes.network_probes import joined, outer_folds
from trajprobe.probes.selection import best_of
from trajprobe.probes.settings import Attentive, Probe
from trajprobe.stage import duration

Tokens = NDArray[np.float32]
#: Steps by which the time of a run is measured.
MEASURED_STEPS = 20
log = logging.getLogger("trajprobe")


class AttentiveNetwork(nn.Module):
    """Tokens [b n d] -> logits [b k]; n, d and k are `tokens`, `dimensions` and `classes`."""

    def __init__(self, tokens: int, dimensions: int, classes: int, heads: int, width: int) -> None:
        super().__init__()
        self.places = nn.Parameter(torch.zeros(tokens, dimensions))
        self.queries = nn.Parameter(torch.randn(heads, width))
        self.keys = nn.Parameter(torch.randn(heads, width, dimensions) / dimensions**0.5)
        self.values = nn.Parameter(torch.randn(heads, width, dimensions) / dimensions**0.5)
        self.classifier = nn.Linear(heads * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.places
        questions = torch.einsum("h w, h w d -> h d", self.queries, self.keys) / self.queries.shape[1] ** 0.5
        attention = torch.einsum("b n d, h d -> b h n", x, questions).softmax(dim=-1)
        gathered = torch.einsum("b h n, b n d -> b h d", attention, x)
        logits: Tensor = self.classifier(torch.einsum("b h d, h w d -> b h w", gathered, self.values).flatten(1))
        return logits


def standardised(tokens: Tokens, train: Integers) -> Tensor:
    """Tokens (tracks v n d) less their mean, over their standard deviation, by channel: of the tracks `train`."""
    channels = tokens.shape[-1]
    scaler = StandardScaler().fit(tokens[train].reshape(-1, channels))
    return torch.from_numpy(scaler.transform(tokens.reshape(-1, channels)).reshape(tokens.shape))


def trained(x: Tensor, codes: Tensor, classes: int, rate: float, params: Attentive, seed: int) -> AttentiveNetwork:
    """The probe, trained on tokens [b n d] and the numbers of their classes [b]; the same for the same seed.

    AdamW, with a learning rate that rises to `rate` and falls to 0 (one cycle; Smith and Topin 2018, arXiv 1708.07120).
    """
    torch.manual_seed(seed)
    network = AttentiveNetwork(x.shape[1], x.shape[2], classes, params.heads, params.width)
    # Fused: else its square roots are MKL's, whose last bits differ between makers of CPUs.
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=params.weight_decay, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, params.steps, cycle_momentum=False)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(params.steps):
        batch = torch.randint(len(x), (params.batch,), generator=generator)
        loss = nn.functional.cross_entropy(network(x[batch]), codes[batch])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    return network


@torch.no_grad()
def predictions(network: AttentiveNetwork, x: Tensor, classes: Integers) -> Integers:
    """The class (m), of `classes` (k), of each track by the mean probabilities of its v clips, of tokens [m v n d]."""
    clips = x.flatten(0, 1)
    logits = torch.cat([network(clips[start : start + 256]) for start in range(0, len(clips), 256)])
    scores = logits if x.shape[1] == 1 else logits.softmax(dim=1)
    return classes[averaged(scores.numpy(), x.shape[1]).argmax(axis=1)]


def fitted_predictions(
    tokens: Tokens, labels: Integers, train: Integers, test: Integers, rates: Sequence[float], params: Probe
) -> list[Integers]:
    """The class (m) of each of the tracks `test` by probes trained on the tracks `train`, for each learning rate."""
    torch.set_num_threads(1)  # the processes of the pool share the cores
    x, (classes, codes) = standardised(tokens, train), np.unique(labels[train], return_inverse=True)
    seen, unseen = x[train].flatten(0, 1), x[test]
    of_clips = torch.from_numpy(labels_of_clips(codes, x.shape[1]))
    return [
        predictions(trained(seen, of_clips, len(classes), rate, params.attentive, params.seed), unseen, classes)
        for rate in rates
    ]


def probe_fold(tokens: Tokens, labels: Integers, outer: OuterFold, params: Probe) -> ViewProbe:
    """Chooses the learning rate inside train, trains on all other folds, and predicts this one.

    Args:
        tokens: (tracks v n d), of v clips of each track, of one network.
        labels: (tracks).
        outer: the fold.
        params: the probe's.
    """
    grid = params.attentive.grid
    value, at_edge = grid[0], False
    if len(grid) > 1:
        correct = [
            [np.sum(guess == labels[split.test]) for guess in guesses]
            for split in outer.splits
            for guesses in [fitted_predictions(tokens, labels, split.train, split.test, grid, params)]
        ]
        value, at_edge, _ = best_of(grid, np.sum(correct, axis=0), None)
    (guess,) = fitted_predictions(tokens, labels, outer.train, outer.test, [value], params)
    return ViewProbe(guess, value, at_edge, converged=True)


def probe_networks(networks: Sequence[Tokens], labelling: Labelling, params: Probe, name: str) -> list[NetworkProbe]:
    """Probes the tokens (tracks v n d) of each of `networks`; says before how long that will take.

    Raises:
        UserError: there are too few clips or groups for the choice of the learning rate.
    """
    outer = outer_folds(labelling, params, choices=len(params.attentive.grid))
    calls: list[Callable[[], Any]] = [
        partial(probe_fold, tokens, labelling.labels, fold, params) for tokens in networks for fold in outer
    ]
    log.info("%s, attentive probe: %s", name, forecast(networks, labelling, outer, params))
    results = pool.run(calls, f"{name}, attentive")
    clips, folds = len(labelling.labels), len(outer)
    return [joined(outer, results[start : start + folds], clips) for start in range(0, len(results), folds)]


def forecast(networks: Sequence[Tokens], labelling: Labelling, outer: Sequence[OuterFold], params: Probe) -> str:
    """What the probes of all networks will cost, at the speed of a few steps here."""
    settings = params.attentive
    choices = len(settings.grid) if len(settings.grid) > 1 else 0
    runs = len(networks) * sum(1 + choices * len(fold.splits) for fold in outer)
    short = replace(params, attentive=replace(settings, steps=MEASURED_STEPS))
    clips = np.arange(min(len(networks[0]), settings.batch))

    def run() -> object:
        return fitted_predictions(networks[0], labelling.labels, clips, clips[:1], settings.learning_rate[:1], short)

    run()  # the first one waits for what torch loads
    begun = time.perf_counter()
    run()
    seconds = (time.perf_counter() - begun) / MEASURED_STEPS * settings.steps * runs / pool.processes(runs)
    return f"{runs} trainings of {settings.steps} steps, about {duration(seconds)}"
