"""A change reruns what it affects, and nothing else. Each test is a real `dvc repro` in a real clone."""

import json

PROBES = {
    "probe@magvit2-tiny",
    "probe_random_init@magvit2-tiny",
    "probe_perturbed@magvit2-tiny",
    "probe_trained_controls@magvit2-tiny-shuffled",
    *(
        f"probe_controls@{name}"
        for name in ("pixels", "coordinates", "kinematics", "start-position", "extent", "noise")
    ),
}
#: A trained control is its row with other weights, and so is a part of it.
ROW = {
    "features@magvit2-tiny",
    "random_init@magvit2-tiny",
    "perturbed@magvit2-tiny",
    "trained_controls@magvit2-tiny-shuffled",
    "probe@magvit2-tiny",
    "probe_random_init@magvit2-tiny",
    "probe_perturbed@magvit2-tiny",
    "probe_trained_controls@magvit2-tiny-shuffled",
}


def test_nothing_changed_reruns_nothing_and_leaves_git_clean(clone):
    assert clone.repro() == set()
    assert clone.git("status", "--porcelain") == ""


def test_the_same_clone_reproduces_the_same_bytes(reproduced, clone):
    assert clone.repro("--force") == reproduced.ran
    assert clone.git("status", "--porcelain") == ""


def test_a_comment_in_the_parameters_reruns_nothing(clone):
    clone.append("params.yaml", "# a comment")
    assert clone.repro() == set()


def test_a_probe_parameter_reruns_probes_and_comparison(clone):
    clone.set(3, "probe", "permutations")
    assert clone.repro() == PROBES | {"compare"}


def test_probe_code_reruns_probes_and_comparison(clone):
    # 0.1 and 1.0 are what the folds choose from: without the larger one, the predictions change.
    path = clone.folder / "src/trajprobe/probes/selection.py"
    path.write_text(path.read_text().replace("grid = classifier.grid\n", "grid = classifier.grid[:1]\n"))
    assert clone.repro() == PROBES | {"compare"}


def test_a_render_parameter_reruns_from_render(reproduced, clone):
    clone.set("xz", "render", "view")
    assert reproduced.ran - clone.repro() == {"synthetic", "prepare"}


def test_a_rows_parameter_reruns_that_row(clone):
    clone.set("latents", "backbones", "magvit2-tiny", "layer")
    assert clone.repro() == ROW | {"compare"}


def test_a_controls_parameter_reruns_that_control(clone):
    clone.set(7, "controls", "noise", "seed")
    assert clone.repro() == {"controls@noise", "probe_controls@noise", "compare"}


def test_a_family_file_reruns_its_rows(clone):
    clone.append("src/trajprobe/backbones/extent.py", "# a comment, which changes no feature")
    # The features' recipe names the code, so their file changes; their values do not, nor does the probe's file.
    assert clone.repro() == {"controls@extent", "probe_controls@extent"}


def test_a_new_row_adds_its_own_stages_and_a_removed_row_leaves_the_summary(clone):
    before = clone.summary()
    row = clone.params()["backbones"]["magvit2-tiny"] | {"pooling": "mean"}
    del row["weights"]
    clone.set(row, "untrained", "other")
    stages = ("untrained", "probe_untrained", "perturbed_untrained", "probe_perturbed_untrained")
    assert clone.repro() == {f"{stage}@other" for stage in stages} | {"compare"}
    assert set(clone.summary()) - set(before) == {"other"}
    clone.set(None, "untrained", "other")
    assert clone.repro() == {"compare"}
    assert clone.summary() == before
    assert not (clone.folder / "data/results/probes/random/other.json").exists()


def test_branches_switched_without_checkout_give_each_its_own_summary(clone):
    on_main = clone.summary()
    clone.git("switch", "--quiet", "--create", "codes")
    clone.set("codes", "backbones", "magvit2-tiny", "layer")
    clone.set({"family": "noise", "clips": "t17", "dimensions": 3, "seed": 1}, "controls", "noise-3")
    clone.repro()
    clone.commit("Codes")
    on_branch = clone.summary()
    assert "noise-3" in on_branch["controls"]
    for branch, summary in (("main", on_main), ("codes", on_branch), ("main", on_main)):
        clone.git("switch", "--quiet", branch)
        clone.repro()
        assert clone.summary() == summary
        assert clone.git("status", "--porcelain") == ""


def test_comparison_refuses_a_missing_row(clone):
    (clone.folder / "data/results/probes/controls/extent.json").unlink()
    told = clone.run("python", "stages/compare.py", fails=True)
    assert "no probe of extent (controls)" in told
    assert "Traceback" not in told


def test_the_summary_holds_scalars_alone(reproduced):
    def leaves(node):
        if isinstance(node, dict):
            for child in node.values():
                yield from leaves(child)
        else:
            yield node

    values = list(leaves(json.loads((reproduced.folder / "metrics/summary.json").read_text())))
    assert len(values) > 50
    assert all(isinstance(value, int | float) for value in values)
