"""A clone without raw data, clips or weights: probes and rows are changed there, and the comparison is right."""


def absent(laptop):
    return not any((laptop.folder / "data" / name).exists() for name in ("raw", "weights"))


def changed_there_and_here(laptop, clone, change):
    change(laptop)
    status, told = laptop.trajprobe("pull")
    assert status == 0, told
    change(clone)
    clone.repro()
    assert laptop.summary() == clone.summary()
    assert laptop.lock() == clone.lock()
    return told


def test_parameters_of_the_comparison_and_of_probes_need_no_clips(stocked, clone):
    told = changed_there_and_here(stocked, clone, lambda repository: repository.set(1200, "compare", "draws"))
    assert absent(stocked)
    assert "rendering" not in told
    assert not (stocked.folder / "data/clips").exists()
    stocked.set(3, "probe", "permutations")
    code = "import sys; sys.path.insert(0, 'src'); from trajprobe import params, remotes; {}"
    shown = stocked.run("python", "-c", code.format("print('render', remotes._unrendered(params.read()))"))
    assert shown.splitlines()[-1] == "render []"


def test_a_probe_parameter_and_a_row_added_there_render_the_clips_of_the_row_from_tracks(stocked, clone):
    row = {"family": "noise", "clips": "t17", "dimensions": 3, "seed": 1}

    def change(repository):
        repository.set(3, "probe", "permutations")
        repository.set(row, "controls", "noise-3")

    told = changed_there_and_here(stocked, clone, change)
    assert absent(stocked)
    assert "clips are not pushed: rendering t17" in told
    assert "noise-3" in stocked.summary()["controls"]
    assert "Running stage 'probe@magvit2-tiny'" in told
    assert "Running stage 'controls@noise'" not in told
    assert stocked.trajprobe("pull")[0] == 0


def test_a_format_and_its_row_added_there(stocked, clone):
    def change(repository):
        repository.set({"frames": 5, "size": 16}, "clips", "t5")
        repository.set({"family": "pixels", "clips": "t5"}, "controls", "pixels-5")

    told = changed_there_and_here(stocked, clone, change)
    assert absent(stocked)
    assert "rendering t5 from" in told
    assert "Running stage 'probe@magvit2-tiny'" not in told
    assert not (stocked.folder / "data/clips/t17").exists()


def test_another_primary_row_there(stocked, clone):
    def change(repository):
        row = repository.params()["backbones"]["magvit2-tiny"]
        repository.set({key: row[key] for key in row if key != "weights"}, "untrained", "bare")
        repository.set("bare", "compare", "primary")

    told = changed_there_and_here(stocked, clone, change)
    assert "shuffled-frames" in stocked.summary()["controls"]
    assert "Running stage 'features@magvit2-tiny'" not in told
    assert not (stocked.folder / "data/raw").exists()
