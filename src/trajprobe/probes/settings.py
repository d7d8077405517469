"""How rows are probed: `probe` in params.yaml."""

from typing import Annotated, Literal

from msgspec import Meta

from trajprobe.params import Parameters, Seed
from trajprobe.probes.classifiers import Classifier, Count, Grid, Knn, Logistic, Mlp, Positive, Ridge

Draws = Annotated[int, Meta(ge=0)]


class FewShot(Parameters, frozen=True):
    """Of the few-shot curve: logistic regression, whatever the classifier."""

    draws: Draws  #: of the labelled clips; 0 leaves the curve out
    c: Positive  #: inverse penalty


class CodeLength(Parameters, frozen=True):
    """Of the online code: logistic regression, whatever the classifier."""

    draws: Draws  #: of the order in which clips are coded; 0 leaves it out
    c: Grid  #: inverse penalties, of which each code takes the best and tells which


class Probe(Parameters, frozen=True):
    """The same for all rows."""

    classifier: Literal["logistic", "ridge", "knn", "mlp"]
    logistic: Logistic
    ridge: Ridge
    knn: Knn
    mlp: Mlp
    inner_folds: Annotated[int, Meta(ge=2)]  #: of the selection from the classifier's grid, inside train
    pca_above: Count  #: rows of more dimensions than this are reduced by PCA, fitted on train
    pca_components: Count
    equal_dimensions: Count  #: components of the run at equal dimension
    permutations: Annotated[int, Meta(ge=0)]  #: runs a row with permuted labels, at the value that the true ones chose
    few_shot: FewShot
    code_length: CodeLength
    seed: Seed

    @property
    def model(self) -> Classifier:
        """The classifier of that name."""
        found: Classifier = getattr(self, self.classifier)
        return found
