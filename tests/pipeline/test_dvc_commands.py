"""What users type: metrics, plots, graphs and experiments of DVC, and the table."""

import json

from ruamel.yaml import YAML


def test_metrics_diff_between_branches_that_differ_in_the_backbone_shows_both(clone):
    clone.git("switch", "--quiet", "--create", "wide")
    values = clone.params()
    wide = {"architecture": values["backbones"]["magvit2-tiny"]["architecture"] | {"channels": 8}}
    values["pretrain"]["wide"] = values["pretrain"]["magvit2-tiny"] | wide
    values["backbones"]["wide"] = values["backbones"]["magvit2-tiny"] | wide | {"weights": "wide"}
    values["compare"]["primary"] = "wide"
    clone.write(values)
    mine = {f"{stage}@wide" for stage in ("pretrain", "features", "random_init", "probe", "probe_random_init")}
    perturbed = {f"{stage}@{row}" for stage in ("perturbed", "probe_perturbed") for row in ("wide", "magvit2-tiny")}
    assert clone.repro() == mine | perturbed | {"compare"}
    clone.commit("Wide")
    old = json.loads(clone.git("show", "main:metrics/summary.json"))
    new = clone.summary()
    assert old["headline"] == old["magvit2-tiny"]
    for kind in ("pretrained", "random"):
        assert old["magvit2-tiny"][kind] == new["magvit2-tiny"][kind]
    accuracies = [new[row]["pretrained"]["accuracy"]["mean"] for row in ("wide", "magvit2-tiny")]
    assert abs(new["magvit2-tiny"]["gap"]["mean"] - (accuracies[0] - accuracies[1])) < 2e-4
    assert new["headline"] == new["wide"]
    told = clone.run("dvc", "metrics", "diff", "main", "--all")
    rows = {line.split()[1]: list(map(float, line.split()[2:])) for line in told.splitlines() if " headline" in line}
    pairs = [
        ("headline.pretrained.accuracy.mean", old["headline"]["pretrained"]["accuracy"]["mean"]),
        ("headline.random.accuracy.mean", old["headline"]["random"]["accuracy"]["mean"]),
        ("headline.gain.mean", old["headline"]["gain"]["mean"]),
    ]
    for key, before in pairs:
        node = new
        for part in key.split("."):
            node = node[part]
        assert rows[key][:2] == [before, node], key
        assert abs(rows[key][2] - (node - before)) < 1e-4, key


def test_metrics_show_and_plots_show_and_dag(clone):
    shown = clone.run("dvc", "metrics", "show")
    assert "headline.gain.mean" in shown
    clone.run("dvc", "plots", "show")
    page = (clone.folder / "dvc_plots/index.html").read_text()
    for piece in ("magvit2-tiny (pretrained)", "zigzag", "recall", "reconstruction", "ci_low"):
        assert piece in page, piece
    graph = clone.run("dvc", "dag", "--dot")
    assert '"data/raw' not in graph
    assert '"render@t17" -> "features@magvit2-tiny"' in graph
    assert '"features@magvit2-tiny" -> "probe@magvit2-tiny"' in graph


def test_an_experiment_changes_a_parameter_and_leaves_the_rest(clone):
    told = clone.run("dvc", "exp", "run", "-S", "backbones.magvit2-tiny.pooling=mean")
    assert "Ran experiment" in told
    assert clone.params()["backbones"]["magvit2-tiny"]["pooling"] == "mean"
    assert "features@magvit2-tiny" in told
    assert "Running stage 'pretrain@" not in told
    assert "Running stage 'controls@" not in told
    before, after = (YAML(typ="safe").load(text) for text in (clone.git("show", "main:params.yaml"), params(clone)))
    before["backbones"]["magvit2-tiny"]["pooling"] = "mean"
    assert before == after


def params(clone):
    return (clone.folder / "params.yaml").read_text()


def test_load_features_gives_what_a_probe_of_ones_own_needs(reproduced):
    code = """
import sys; sys.path.insert(0, "src")
import trajprobe
f = trajprobe.load_features("magvit2-tiny")
r = trajprobe.load_features("magvit2-tiny", "random", seed=1)
print(trajprobe.__file__, f.features.shape, f.features.dtype, len(f.labels), len(f.groups), sorted(set(f.folds)))
print((f.features != r.features).any(), r.recipe["weights"]["seed"])
"""
    first, second = reproduced.run("python", "-c", code).splitlines()
    assert first.startswith(str(reproduced.folder))
    assert "(60, 3, 8) float32 60 60" in first
    assert second == "True 1"
