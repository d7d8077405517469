"""What users type: metrics, plots, graphs and experiments of DVC, and the table."""

import json


def test_metrics_diff_between_branches_that_differ_in_the_backbone_shows_both(clone):
    clone.git("switch", "--quiet", "--create", "wide")
    values = clone.params()
    wide = {"architecture": values["rows"]["magvit2-tiny"]["architecture"] | {"channels": 8}}
    values["pretrain"]["wide"] = values["pretrain"]["magvit2-tiny"] | wide
    values["rows"]["wide"] = values["rows"]["magvit2-tiny"] | wide | {"weights": "wide", "like": "wide"}
    values["compare"]["primary"] = "wide"
    clone.write(values)
    assert clone.repro() == {
        "check",
        "pretrain@wide",
        "features@wide",
        "probe@wide",
        *(f"pictures@{row}" for row in values["rows"]),  # of clips that the primary row decides on
        "compare",
        "report",
    }
    clone.commit("Wide")
    old = json.loads(clone.git("show", "main:metrics/summary.json"))
    new = clone.summary()
    assert old["headline"] == old["magvit2-tiny"]
    assert new["headline"] == new["wide"]
    for key in ("accuracy", "random"):
        assert old["magvit2-tiny"][key] == new["magvit2-tiny"][key]
    output = clone.run("dvc", "metrics", "diff", "main", "--all")
    rows = {line.split()[1]: list(map(float, line.split()[2:])) for line in output.splitlines() if " headline" in line}
    for keys in (("accuracy", "mean"), ("random", "mean"), ("gain", "mean")):
        before, now = (summary["headline"][keys[0]][keys[1]] for summary in (old, new))
        shown = rows[".".join(("headline", *keys))]
        assert shown[:2] == [before, now], keys
        assert abs(shown[2] - (now - before)) < 1e-4, keys


def test_metrics_show_and_plots_show_and_dag(clone):
    shown = clone.run("dvc", "metrics", "show")
    assert "headline.gain.mean" in shown
    assert "details.json" not in shown
    clone.run("dvc", "plots", "show")
    page = (clone.folder / "dvc_plots/index.html").read_text()
    for piece in ("magvit2-tiny", "zigzag", "recall", "reconstruction", "ci_low"):
        assert piece in page, piece
    graph = clone.run("dvc", "dag", "--dot")
    assert '"data/raw' not in graph
    assert '"render@t17" -> "features@magvit2-tiny"' in graph
    assert '"features@magvit2-tiny" -> "probe@magvit2-tiny"' in graph


def test_load_features_gives_what_a_probe_of_ones_own_needs(reproduced):
    code = """
import sys; sys.path.insert(0, "src")
import trajprobe
f = trajprobe.load_features("magvit2-tiny")
r = trajprobe.load_features("magvit2-tiny", "random/1")
print(trajprobe.__file__, f.features.shape, f.features.dtype, len(f.labels), len(f.groups), sorted(set(f.folds)))
print((f.features != r.features).any(), r.recipe["weights"]["seed"])
"""
    first, second = reproduced.run("python", "-c", code).splitlines()
    assert first.startswith(str(reproduced.folder))
    assert "(60, 3, 8) float32 60 60" in first
    assert second == "True 1"
