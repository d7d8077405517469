"""A clone without raw data, clips or weights: probes and rows are changed there, and the comparison is right."""

import re


def absent(laptop):
    weights = {path.name for path in (laptop.folder / "data/weights").iterdir()}
    return not (laptop.folder / "data/raw").exists() and weights == {"none", "random"}  # which git keeps


def changed_there_and_here(laptop, clone, change):
    change(laptop)
    status, told = laptop.trajprobe("pull")
    assert status == 0, told
    change(clone)
    clone.repro()
    assert laptop.summary() == clone.summary()
    assert laptop.lock() == clone.lock()
    pages = [(repository.folder / "data/report/report.html").read_bytes() for repository in (laptop, clone)]
    assert pages[0] == pages[1]
    return told


def test_a_pull_brings_the_page_and_its_figures_and_runs_nothing(stocked):
    status, told = stocked.trajprobe("pull")
    assert status == 0
    assert "Running stage" not in told
    assert absent(stocked)
    assert (stocked.folder / "data/report/report.html").read_text().startswith("<!doctype html>")
    assert (stocked.folder / "data/report/figures/scores.svg").is_file()


def test_parameters_of_the_comparison_and_of_probes_need_no_clips(stocked, clone):
    told = changed_there_and_here(stocked, clone, lambda repository: repository.set(0.9, "compare", "confidence"))
    assert absent(stocked)
    assert "rendering" not in told
    assert not (stocked.folder / "data/clips").exists()


def test_a_probe_parameter_a_format_and_rows_added_there_render_the_clips_of_the_rows_from_tracks(stocked, clone):
    row = {
        "family": "noise",
        "clips": "t17",
        "weights": "none",
        "like": "noise-3",
        "options": {"dimensions": 3, "seed": 1},
    }

    def change(repository):
        for other in ("magvit2-tiny-shuffled", "pixels", "coordinates", "kinematics", "extent"):  # each takes seconds
            repository.set(None, "rows", other)
        repository.set(3, "probe", "permutations")
        repository.set(row, "rows", "noise-3")
        repository.set({"frames": 5, "resolution": 16}, "clips", "t5")
        repository.set(row | {"family": "pixels", "clips": "t5", "like": "pixels-5", "options": {}}, "rows", "pixels-5")

    told = changed_there_and_here(stocked, clone, change)
    assert absent(stocked)
    assert re.search(r"clips are not pushed: rendering (t17, t5|t5, t17) from", told)
    assert "features@noise-3 is not in the dvc.lock that is here: needs clips t17, no network" in told
    assert "noise-3" in stocked.summary()
    assert "Running stage 'probe@magvit2-tiny'" in told
    assert "Running stage 'features@noise'" not in told
    assert stocked.trajprobe("pull")[0] == 0


def test_a_laptop_goes_from_two_seeds_to_three_and_computes_one_network(stocked, clone):
    """Shards that were pulled are taken by their recipe, not made again; the weights are fetched for the new stage."""

    def change(repository):
        for other in ("magvit2-tiny-shuffled", "pixels", "coordinates", "kinematics", "extent", "noise"):
            repository.set(None, "rows", other)
        repository.set(3, "features", "seeds")

    told = changed_there_and_here(stocked, clone, change)
    assert "features@magvit2-tiny changed: needs clips t17 and weights magvit2-tiny; runs on cpu; pulled shards" in told
    log = (stocked.folder / "logs/features-magvit2-tiny.log").read_text()
    assert log.count("1 of 1 shards are in") == 11  # 2 + 2 seeds, of clips plain and cluttered, and 3 perturbations
    assert "random/2" in log
    assert not (stocked.folder / "data/raw").exists()
