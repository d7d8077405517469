"""A change reruns what it affects, and nothing else: in a real clone, by `dvc status`, or by `dvc repro` to the end."""

import json
import re

from PIL import Image

CONTROLS = ("pixels", "coordinates", "kinematics", "extent", "noise")
ROWS = ("magvit2-tiny", "magvit2-tiny-shuffled", *CONTROLS)
PROBES = {f"probe@{row}" for row in ROWS}


#: The comparison and the page.
END = {"compare", "report"}


def of_rows(*rows):
    return {f"{stage}@{row}" for stage in ("features", "probe", "pictures") for row in rows}


def test_nothing_changed_reruns_nothing_and_leaves_git_clean(clone):
    assert clone.repro() == set()
    assert clone.git("status", "--porcelain") == ""


def test_the_same_clone_reproduces_the_same_bytes(clone):
    stages = {"synthetic", "prepare", "render@t17", "pretrain@magvit2-tiny", *END} | of_rows("magvit2-tiny", "noise")
    assert clone.repro("--force", "--single-item", *stages) == stages
    assert clone.git("status", "--porcelain") == ""


def test_a_comment_in_the_parameters_reruns_nothing(clone):
    clone.append("params.yaml", "# a comment")
    assert clone.repro() == set()


def test_what_is_no_code_in_a_room_reruns_nothing(clone):
    for name in (".DS_Store", "moments.py~", "__pycache__/raw.cpython-311.pyc", "notes.md"):
        path = clone.folder / "src/trajprobe/features" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("no code")
    assert clone.repro() == set()


def test_parameters_and_code_of_probes_and_of_the_comparison_rerun_these_alone(clone):
    clone.set(3, "probe", "permutations")
    assert clone.stale() == PROBES | {"report"}
    clone.git("checkout", "--quiet", "params.yaml")
    clone.set("warn", "compare", "leaks")
    assert clone.stale() == END
    clone.git("checkout", "--quiet", "params.yaml")
    clone.append("src/trajprobe/probes/selection.py", "# other code")
    assert clone.stale() == PROBES


def test_the_arrow_of_time_reruns_features_and_the_comparison(clone):
    clone.set("all", "features", "arrow_of_time")
    assert clone.stale() == {f"features@{row}" for row in ROWS} | {"compare"}


def test_a_render_parameter_reruns_from_render(clone):
    pretraining = {"pretrain@magvit2-tiny", "pretrain@magvit2-tiny-shuffled"}
    clone.set(0.2, "render", "margin")
    assert clone.stale() == {"render@t17", "report"} | pretraining
    clone.set(0.1, "render", "margin")
    clone.set("xz", "scenes", "default", "camera", "view")
    assert clone.stale() == {"prepare", "render@t17", "report"} | pretraining
    clone.set("xy", "scenes", "default", "camera", "view")
    clone.set({"trail": {"width": 0.05}}, "scenes", "another")  # which the pool is not drawn in
    assert clone.stale() == {"prepare", "render@t17", "report"}
    clone.set(None, "scenes", "another")
    Image.new("RGB", (8, 8)).save(clone.folder / "data/scenes/sky.png")
    assert clone.stale() == {"render@t17"} | pretraining
    (clone.folder / "data/scenes/sky.png").rename(clone.folder / "data/scenes/notes.txt")
    assert clone.stale() == set()
    clone.set(48, "clips", "t17", "resolution")
    assert clone.stale() == {"check", "render@t17", *END} | pretraining


def test_a_rows_parameter_reruns_that_row_and_what_is_like_it(clone):
    clone.set("latents", "rows", "magvit2-tiny", "layer")
    rows = ("magvit2-tiny", "magvit2-tiny-shuffled")
    changed = {f"{stage}@{row}" for stage in ("features", "pictures") for row in rows}
    assert clone.stale() == changed | {"check", *END}
    targets = {f"features@{row}" for row in rows}
    assert clone.repro(*sorted(targets)) == targets | {"check"}
    features = clone.folder / "data/features"
    for row in rows:
        assert {path.parent.name for path in features.glob(f"{row}/**/manifest.json")} == {"latents.tmean"}


def test_a_controls_parameter_reruns_that_control(clone):
    clone.set(7, "rows", "noise", "options", "seed")
    assert clone.stale() == {"check", "features@noise", "pictures@noise", *END}


def test_a_reworded_comment_reruns_features_alone_and_changes_no_byte(clone):
    clone.append("src/trajprobe/backbones/extent.py", "# a comment, which changes no feature")
    assert clone.repro() == {"features@extent", "pictures@extent"}
    assert clone.git("status", "--porcelain", "dvc.lock", "metrics") == "M  dvc.lock\n"


def test_code_that_all_stages_share_reruns_all_and_a_comment_there_check_alone(clone):
    every = set(clone.lock())
    clone.append("src/trajprobe/errors.py", "# a comment")
    assert clone.stale() == {"check"}
    assert clone.repro() == {"check"}
    clone.append("src/trajprobe/errors.py", "ANOTHER = 1")
    assert clone.stale() == {"check"}
    assert clone.repro("check") == {"check"}
    assert clone.stale() == every - {"check"}


def test_a_family_file_reruns_its_rows(clone):
    path = clone.folder / "src/trajprobe/backbones/extent.py"
    path.write_text(path.read_text().replace(".astype(np.float32)", ".astype(np.float32) * np.float32(2)"))
    assert {"features@extent", "probe@extent"} <= clone.repro() <= of_rows("extent") | END


def test_a_new_row_adds_its_own_stages_and_a_removed_row_leaves_the_summary(clone):
    before = clone.summary()
    row = clone.params()["rows"]["magvit2-tiny"]
    other = row | {"pooling": "mean", "weights": "random", "like": "other", "perturbations": []}
    clone.set(other, "rows", "other")
    assert clone.repro() == of_rows("other") | {"check", *END}
    summary = clone.summary()
    assert set(summary) - set(before) == {"other"}
    for key in ("accuracy", "random"):  # its gain is in a larger family now
        assert summary["magvit2-tiny"][key] == before["magvit2-tiny"][key]
    clone.set(None, "rows", "other")
    assert clone.repro() == {"check", *END}
    assert not (clone.folder / "data/pictures/other").exists()
    assert clone.summary() == before


def test_branches_switched_without_checkout_give_each_its_own_summary(clone):
    on_main = clone.summary()
    clone.git("switch", "--quiet", "--create", "other")
    noise = {"family": "noise", "clips": "t17", "weights": "none", "like": "noise-3"}
    clone.set(noise | {"options": {"dimensions": 3, "seed": 1}}, "rows", "noise-3")
    clone.set(3, "rows", "noise", "options", "dimensions")
    clone.repro()
    clone.commit("Other noise")
    on_branch = clone.summary()
    assert "noise-3" in on_branch
    assert on_branch["noise"] != on_main["noise"]
    for branch, summary in (("main", on_main), ("other", on_branch), ("main", on_main)):
        clone.git("switch", "--quiet", branch)
        clone.repro()
        assert clone.summary() == summary
        assert clone.git("status", "--porcelain") == ""


def test_more_seeds_compute_only_the_new_ones(clone, tmp_path):
    # An empty store: what was made before comes from DVC's cache, by its recipe.
    clone.set(4, "features", "seeds")  # no other test's number: its results would come from the run cache
    output = clone.run("dvc", "repro", "features@magvit2-tiny", TRAJPROBE_STORE=str(tmp_path / "empty"))
    assert "Running stage 'features@magvit2-tiny'" in output
    features = clone.folder / "data/features/magvit2-tiny"
    of_runs = {path.parent.parent.relative_to(features).as_posix() for path in features.glob("**/manifest.json")}
    taken = re.findall(r"^magvit2-tiny (\S+)(?: (\S+))? hidden\.tmean: 1 of 1 shards are in", output, re.MULTILINE)
    made = of_runs - {f"{network}/{shown or 'plain'}" for network, shown in taken}
    assert made == {f"random/{seed}/{shown}" for seed in (2, 3) for shown in ("plain", "clutter-1")}
    assert {path.name for path in (features / "random").iterdir()} == {"0", "1", "2", "3"}


def test_the_comparison_refuses_a_missing_row(clone):
    (clone.folder / "data/results/probes/extent.json").unlink()
    output = clone.run("python", "stages/compare.py", fails=True)
    assert "extent" in output
    assert "Traceback" not in output


def test_the_summary_fits_a_screen_and_holds_scalars_alone(reproduced):
    def leaves(node):
        if isinstance(node, dict):
            for child in node.values():
                yield from leaves(child)
        else:
            yield node

    values = list(leaves(json.loads((reproduced.folder / "metrics/summary.json").read_text())))
    assert 20 < len(values) <= 60
    assert all(isinstance(value, int | float) for value in values)
