"""The results as the page shows them: lines with a score, differences with a verdict. All from metrics/details.json."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from trajprobe.compare.confidence import Estimate
from trajprobe.errors import UserError
from trajprobe.files.feature_shards import (
    CHOSEN,
    NO_LAYER,
    NO_NETWORK,
    PERMUTED_WEIGHTS,
    PLAIN,
    RANDOM,
    Coordinates,
    layer_order,
)
from trajprobe.rows import RESERVED, Row, named_rows

DETAILS = Path("metrics/details.json")
#: The family whose rows say what the tracks themselves tell, without video.
KINEMATICS = "kinematics"
Numbers = dict[str, Any]


def estimate(numbers: Numbers) -> Estimate:
    """A number with its interval, as the details have it."""
    return Estimate(numbers["mean"], numbers["ci_low"], numbers["ci_high"])


@dataclass(frozen=True)
class Line:
    """A line of the results: a row with one of its networks, inputs and layers."""

    row: str
    network: str
    input: str
    layer: str
    numbers: Numbers
    metric: str  #: that verdicts are on

    @property
    def kind(self) -> str:
        """What its colour and mark stand for: pretrained, random, control or perturbed."""
        if self.is_perturbed:
            return "perturbed"
        return {NO_NETWORK: "control", RANDOM: "random"}.get(self.network, "pretrained")

    @property
    def is_perturbed(self) -> bool:
        return self.input != PLAIN or self.network == PERMUTED_WEIGHTS

    @property
    def is_unpooled(self) -> bool:
        """Whether it is of an attentive probe."""
        return Coordinates(self.row, self.network, self.input, self.layer).is_unpooled

    @property
    def score(self) -> Estimate:
        return estimate(self.numbers[self.metric])

    @property
    def seeds(self) -> list[float]:
        """The score of each network, where there are several."""
        return list(self.numbers.get("seeds", {}).values())

    @property
    def what(self) -> str:
        """All of its name but the row: nothing for a control."""
        words = [self.network] if self.network != NO_NETWORK else []
        if self.is_perturbed:
            words = [self.input if self.input != PLAIN else self.network]
        words += [f"{len(self.seeds)} seeds"] if self.seeds else []
        return ", ".join(words)

    @property
    def name(self) -> str:
        return f"{self.row} {self.what}".strip()

    @property
    def features_layer(self) -> str:
        """LAYER.POOLING of features that stand for the line: where folds chose it, the one that most of them chose."""
        folds = self.numbers.get("folds_that_chose", {})
        return max(folds, key=folds.__getitem__) if folds else self.layer

    def estimate(self, key: str) -> Estimate | None:
        """A further number with its interval, where it was computed."""
        return estimate(self.numbers[key]) if key in self.numbers else None

    @property
    def share_of_gain(self) -> tuple[str, Estimate] | None:
        """Of the row that it is held against: its name, and how much of its gain this line has, where that is known."""
        difference = self.numbers.get("difference", {})
        if "share_of_gain" not in difference:
            return None
        return str(difference["reference"]).split(" ")[0], estimate(difference["share_of_gain"])


@dataclass(frozen=True)
class Judged:
    """A difference, the first minus the second, and the verdict on it."""

    name: str  #: without the row, where both are of it
    family: str  #: gain, row, perturbation or arrow
    numbers: Numbers

    @property
    def difference(self) -> Estimate:
        return estimate(self.numbers)

    @property
    def p_value(self) -> float | None:
        return self.numbers.get("one_sided_p_value")

    @property
    def detectable(self) -> float | None:
        """The smallest difference that would have been detected; None where nothing is judged."""
        return self.numbers.get("detectable_difference")

    @property
    def verdict(self) -> str:
        if self.p_value is None:
            return "not judged"
        if self.numbers["practically_equal"]:
            return "practically equal"
        return {1: "better", -1: "worse"}.get(self.numbers["verdict"], "not distinguishable")

    @property
    def role(self) -> str:
        """Of its colour."""
        return {"better": "better", "worse": "worse"}.get(self.verdict, "equal")


@dataclass(frozen=True)
class RunResults:
    """All results of a run."""

    details: Numbers
    rows: dict[str, Row]
    primary: str
    dataset: str
    alpha: float
    margin: float
    confidence: float

    @classmethod
    def of(cls, values: dict[str, Any], path: Path = DETAILS) -> "RunResults":
        """Those that the stage `compare` wrote for params.yaml (`values`).

        Raises:
            UserError: they are missing.
        """
        try:
            details = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UserError(f"{path}: is missing; `dvc repro compare` makes it") from None
        params = values["compare"]
        shared = (params[key] for key in ("alpha", "margin", "confidence"))
        return cls(details, named_rows(values), params["primary"], values["dataset"], *shared)

    @property
    def data(self) -> Numbers:
        """Of the data set."""
        numbers: Numbers = self.details["data"]
        return numbers

    @property
    def metric(self) -> str:
        return str(self.data["verdicts_on"])

    @property
    def metric_title(self) -> str:
        return self.metric.replace("_", " ")

    @property
    def chance(self) -> float:
        """Of the metric."""
        return float(self.data["chance"]) if self.metric == "accuracy" else 1 / self.data["classes"]

    @cached_property
    def lines(self) -> list[Line]:
        """The primary row, then other networks, then controls, each from the best down.

        A row stands where its main line does, that one and its random networks before what is perturbed.
        """
        lines = list(self._unordered())
        main = {line.row: line.score.mean for line in lines if self._is_main(line)}

        def place(line: Line) -> tuple[Any, ...]:
            row = (line.row != self.primary, self.rows[line.row].is_control, -main[line.row], line.row)
            return *row, line.is_perturbed, line.network == RANDOM, -line.score.mean, line.layer

        return sorted(lines, key=place)

    def _unordered(self) -> Iterator[Line]:
        """Of a row of several layers the one that its folds chose; not the attentive probe."""
        for line in self._everything():
            layers = self.details[line.row][line.network][line.input]
            is_single = CHOSEN not in layers and not line.is_unpooled
            if line.layer == CHOSEN or is_single:
                yield line

    @property
    def layers(self) -> list[Line]:
        """Each layer and pooling of the rows that have several."""
        every = sorted(self._everything(), key=lambda line: layer_order(line.layer))
        return [
            each
            for line in self.lines
            for each in every
            if line.layer == CHOSEN and each.layer != CHOSEN and not each.is_unpooled
            if (each.row, each.network, each.input) == (line.row, line.network, line.input)
        ]

    @property
    def attentive(self) -> list[Line]:
        """The attentive probes of rows that keep their tokens."""
        return [line for line in self._everything() if line.is_unpooled]

    def _everything(self) -> Iterator[Line]:
        for row in self.details:
            if row in RESERVED or row not in self.rows:
                continue
            for network, inputs in self.details[row].items():
                for shown, layers in inputs.items():
                    for layer, numbers in layers.items():
                        if self.metric in numbers:  # else it has the arrow of time alone
                            yield Line(row, network, shown, layer, numbers, self.metric)

    @cached_property
    def main(self) -> Line:
        """The line that stands for the primary row."""
        return next(line for line in self.lines if line.row == self.primary and self._is_main(line))

    def _is_main(self, line: Line) -> bool:
        """Whether a line stands for its row."""
        return f"{line.network} {line.input} {line.layer}" == self.data["main"][line.row]

    @property
    def baseline(self) -> Line | None:
        """The random networks of the primary row."""
        same = (line for line in self.lines if line.row == self.primary and line.layer == self.main.layer)
        return next((line for line in same if line.kind == "random" and line is not self.main), None)

    @property
    def kinematics(self) -> Line | None:
        """What the tracks themselves say, where the run has a row for it."""
        return next((line for line in self.lines if self.rows[line.row].family == KINEMATICS), None)

    @cached_property
    def differences(self) -> list[Judged]:
        """Gains first, then rows, then perturbations; as the table has them."""
        judged = []
        for line in self.lines:
            if "gain" in line.numbers:
                judged.append(Judged(f"{line.row}: pretrained minus random", "gain", line.numbers["gain"]))
            if "difference" in line.numbers:
                judged.append(self._held_against(line, line.numbers["difference"]))
        held = {difference.name for difference in judged}
        for line in self.lines:
            for other, numbers in line.numbers.get("minus", {}).items():
                if (name := f"{line.row} minus {other}") not in held:
                    judged.append(Judged(name, "row", numbers))
        order = ("gain", "row", "perturbation")
        return sorted(judged, key=lambda each: (order.index(each.family), self._place(each)))

    def _place(self, judged: Judged) -> tuple[bool, str]:
        """Of rows, those that are held against the primary one first, and those that share another one together."""
        reference = judged.name.partition(" minus ")[0] if judged.family == "row" else self.primary
        return reference != self.primary, reference

    def _held_against(self, line: Line, numbers: Numbers) -> Judged:
        reference = str(numbers["reference"]).split(" ")[0]
        if line.is_perturbed:
            first, second = ("pretrained", line.network) if line.input == PLAIN else (PLAIN, line.input)
            return Judged(f"{line.row}: {first} minus {second}", "perturbation", numbers)
        return Judged(f"{reference} minus {line.row}", "row", numbers)

    @property
    def gain(self) -> Judged | None:
        """What pretraining gives the primary row."""
        numbers = self.main.numbers.get("gain")
        return Judged(f"{self.primary}: pretrained minus random", "gain", numbers) if numbers else None


def features_shown(layer: str) -> str:
    """A layer in a table; nothing for a control's."""
    return "" if layer == NO_LAYER else layer
