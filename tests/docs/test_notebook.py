"""The notebook of examples/ runs from top to bottom, and its probe is fair; it is committed without outputs."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import trajprobe

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "examples/own_probe.ipynb"
CELLS = json.loads(NOTEBOOK.read_text())["cells"]
CODE = ["".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "code"]


@pytest.fixture
def executed(clone, monkeypatch):
    """The names that the notebook has set, run where Jupyter runs it: in its own folder."""
    monkeypatch.chdir(clone.folder / "examples")
    mpl.use("Agg")
    monkeypatch.setattr(plt, "show", lambda: None)
    names = {}
    for number, source in enumerate(CODE):
        exec(compile(source, f"{NOTEBOOK.name}, cell {number}", "exec"), names)
    yield names
    plt.close("all")


def test_it_runs_and_its_numbers_are_those_of_an_independent_cross_validation(executed):
    of = trajprobe.load_features("magvit2-tiny", "pretrained/0", root="..")
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))

    def expected(x):
        return (cross_val_predict(probe, x, of.labels, cv=PredefinedSplit(of.folds)) == of.labels).mean()

    assert executed["together"]["pretrained"] == expected(of.features.reshape(len(of.features), -1))
    assert executed["steps"]["pretrained"] == [expected(x) for x in of.features.swapaxes(0, 1)]
    assert executed["networks"]["random weights"].recipe != executed["networks"]["pretrained"].recipe
    drawn = {line.get_label(): list(line.get_ydata()) for line in executed["axes"].lines}
    assert drawn["pretrained, one step"] == executed["steps"]["pretrained"]
    assert drawn["random weights, one step"] == executed["steps"]["random weights"]
    assert set(drawn["random weights, all steps"]) == {executed["together"]["random weights"]}
    assert set(drawn["chance"]) == {0.1}


def test_clips_that_are_only_trained_on_are_not_counted(executed):
    of = executed["networks"]["pretrained"]
    folds = of.folds.copy()
    folds[::3] = -1
    fewer = replace(of, folds=folds)
    predicted = executed["out_of_fold"](of.features[:, 0], fewer)
    assert ((predicted == -1) == (folds == -1)).all()
    tested = folds >= 0
    assert executed["accuracy"](of.features[:, 0], fewer) == (predicted == of.labels)[tested].mean()
    assert np.unique(predicted[tested]).size > 1


def test_it_is_committed_without_outputs_and_explains_itself():
    notebook = json.loads(NOTEBOOK.read_text())
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in CELLS}) == len(CELLS)
    for before, cell in pairwise([None, *CELLS]):
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
            assert before["cell_type"] == "markdown", "words stand before code"
