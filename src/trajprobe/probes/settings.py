"""How rows are probed: `probe` in params.yaml."""

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, defstruct

from trajprobe.params import Parameters, Seed
from trajprobe.probes.classifiers import Classifier, Count, Grid, Positive

CLASSIFIERS = {classifier.section(): classifier for classifier in Classifier.__subclasses__()}
#: The section of each classifier.
Sections = defstruct("Sections", list(CLASSIFIERS.items()), bases=(Parameters,), frozen=True)
if TYPE_CHECKING:
    Name = str
else:
    Name = Literal[tuple(CLASSIFIERS)]
#: Each is a fit or more, of every network.
Draws = Annotated[int, Meta(ge=0, le=10_000)]


class FewShot(Parameters, frozen=True):
    """Of the few-shot curve: logistic regression, whatever the classifier."""

    draws: Draws  #: of the labelled clips; 0 leaves the curve out
    c: Positive  #: inverse penalty


class CodeLength(Parameters, frozen=True):
    """Of the online code: logistic regression, whatever the classifier."""

    draws: Draws  #: of the order in which clips are coded; 0 leaves it out
    c: Grid  #: inverse penalties, of which each code takes the best and says which


class Attentive(Parameters, frozen=True):
    """Of the attentive probe, which rows with `keep_tokens` have as well."""

    heads: Annotated[int, Meta(ge=1, le=1024)]  #: each looks elsewhere
    width: Annotated[int, Meta(ge=1, le=2**16)]  #: of each head
    steps: Annotated[int, Meta(ge=2, le=10**6)]  #: of training
    batch: Count  #: clips a step
    learning_rate: Grid  #: chosen from inside train, as the classifiers' values are
    weight_decay: Annotated[float, Meta(ge=0.0, le=1e3)]

    @property
    def grid(self) -> tuple[float, ...]:
        """The learning rates to choose from, the smallest first."""
        return tuple(sorted(set(self.learning_rate)))


class Probe(Sections, frozen=True):  # type: ignore[misc, valid-type, call-arg] # its base is made from the classifiers
    """The same for all rows. Beside these fields, each classifier's section."""

    classifier: Name
    inner_folds: Annotated[int, Meta(ge=2, le=1000)]  #: of the selection from the classifier's grid, inside train
    pca_above: Count  #: rows of more dimensions than this are reduced by PCA, fitted on train
    pca_components: Count
    equal_dimensions: Count  #: components of the run at equal dimension
    permutations: Draws  #: runs a row with permuted labels, at the value that the true ones chose
    few_shot: FewShot
    code_length: CodeLength
    attentive: Attentive
    seed: Seed

    @property
    def model(self) -> Classifier:
        """The classifier that `classifier` names."""
        model: Classifier = getattr(self, self.classifier)
        return model
