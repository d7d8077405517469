"""One row's features of one kind, scored on the tested clips."""

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from trajprobe.compare.intervals import Array
from trajprobe.compare.metrics import area, scores
from trajprobe.errors import UserError
from trajprobe.files.feature_shards import Kind
from trajprobe.files.labelling import Labelling
from trajprobe.files.probe_results import RowProbe

Key = tuple[Kind, str]


@dataclass(frozen=True)
class Entry:
    """What the probe files tell of a row, over its networks."""

    probe: RowProbe
    guesses: NDArray[np.int64]  #: (networks n), of the n tested clips
    right: Array  #: (networks n), 1 where the clip was told right
    scores: dict[str, float]  #: means over the networks
    equal: float  #: accuracy at equal dimension
    permuted: float  #: accuracy with permuted labels; nan where there was none
    few_shot: Array  #: (shots), accuracy
    areas: Array  #: (networks), under the few-shot curve; empty where there is none
    bits: Array  #: (networks), of the online code a clip; empty where there is none
    perturbed: bool  #: the first network of the primary row, perturbed

    @property
    def key(self) -> Key:
        return self.probe.kind, self.probe.row

    @property
    def uniform(self) -> float:
        """Bits a clip that the labels' code takes without the features."""
        return self.probe.uniform_bits / self.probe.coded_clips

    @property
    def compression(self) -> float:
        """How many times shorter the labels' code is with the features than without."""
        return float(self.uniform / self.bits.mean())


def entry(probed: RowProbe, labelling: Labelling) -> Entry:
    """A probe file, scored. A perturbed row, which is called ROW/PERTURBATION, becomes a control of that name.

    Raises:
        UserError: the row was probed on other tracks.
    """
    if probed.tracks != labelling.tracks:
        raise UserError(
            f"{probed.kind} row {probed.row} was probed on other tracks than those of data/trajectories: features of "
            "different clips are not compared; run `dvc repro`"
        )
    if perturbed := probed.kind == "perturbed":
        probed = msgspec.structs.replace(probed, kind="controls", row=probed.row.rpartition("/")[2])
    tested = labelling.folds >= 0
    labels, networks = labelling.labels[tested], probed.networks
    guesses = np.array([network.predictions for network in networks], dtype=np.int64)[:, tested]
    each = [dict(scores(labels, guess)) for guess in guesses]
    # (networks draws shots), draws 0 where the curve was left out
    curves = np.array([network.few_shot for network in networks], dtype=np.float64)
    few_shot = curves.mean(axis=1) if curves.size else np.empty((0, len(probed.shots)))
    bits = np.array([network.code_bits for network in networks], dtype=np.float64)
    return Entry(
        probe=probed,
        guesses=guesses,
        right=(guesses == labels).astype(np.float64),
        scores={name: float(np.mean([one[name] for one in each])) for name in each[0]},
        equal=float(np.mean(np.array([network.equal for network in networks])[:, tested] == labels)),
        permuted=float(np.mean([share for network in networks for share in network.permuted] or [np.nan])),
        few_shot=few_shot.mean(axis=0) if len(few_shot) else np.empty(0),
        areas=np.array([area(one.tolist(), probed.shots) for one in few_shot]),
        bits=bits.mean(axis=1) / probed.coded_clips if bits.size else np.empty(0),
        perturbed=perturbed,
    )
