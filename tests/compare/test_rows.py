"""Which rows are compared: those of params.yaml, all of them and no other."""

from pathlib import Path

import pytest

from trajprobe.compare import rows
from trajprobe.errors import UserError
from trajprobe.files import probe_results as files
from trajprobe.files.atomic import write_json
from trajprobe.files.probe_results import NetworkProbe, RowProbe

VALUES = {
    "backbones": {"net": {}, "net_2": {}},
    "untrained": {"bare": {}},
    "trained_controls": {"net-shuffled": {"of": "net"}},
    "controls": {"pixels": {}},
    "pretrain": {"net": {}},
    "compare": {"primary": "net"},
}


def test_a_backbone_has_two_rows_and_any_other_one():
    assert rows.named(VALUES) == [
        ("pretrained", "net"),
        ("random", "net"),
        ("pretrained", "net_2"),
        ("random", "net_2"),
        ("random", "bare"),
        ("controls", "net-shuffled"),
        ("controls", "pixels"),
        ("perturbed", "net/shuffled-frames"),
        ("perturbed", "net/middle-frame"),
        ("perturbed", "net/permuted-weights"),
    ]


@pytest.mark.parametrize(
    ("primary", "expected"),
    [
        ("net_2", ["net_2/shuffled-frames", "net_2/middle-frame", "net_2/permuted-weights"]),
        ("bare", ["bare/shuffled-frames", "bare/middle-frame"]),
        ("pixels", []),  # which the comparison refuses
    ],
)
def test_the_primary_row_is_perturbed_and_no_other(primary, expected):
    found = rows.named(VALUES | {"compare": {"primary": primary}})
    assert [name for kind, name in found if kind == "perturbed"] == expected


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("untrained", "net"),
        ("controls", "net"),
        ("controls", "net-shuffled"),
        *(("backbones", taken) for taken in ("controls", "data", "headline", "pretrain", "middle-frame")),
        ("controls", "shuffled-frames"),
        ("untrained", "permuted-weights"),
        ("controls", "a.b"),
        ("controls", "a/b"),
        ("controls", "a b"),
        ("controls", ""),
        ("controls", "--"),
    ],
)
def test_a_name_that_is_taken_or_no_name_is_refused(part, name):
    with pytest.raises(UserError, match="rename") as told:
        rows.named(VALUES | {part: VALUES[part] | {name: {}}})
    assert f"`{part}.{name}`" in str(told.value)


def test_a_trained_control_names_its_backbone():
    assert rows.references(VALUES) == {"net-shuffled": "net"}


def test_recipes_that_differ_in_more_than_one_thing_are_noted():
    told = {
        "backbones": {"net": {"weights": "net"}},
        "trained_controls": {"net-shuffled": {"of": "net", "weights": "other"}},
        "pretrain": {"net": {"steps": 9, "shuffle_frames": False}, "other": {"steps": 9, "shuffle_frames": True}},
    }
    assert rows.recipe_notes(told) == []
    told["pretrain"]["other"]["steps"] = 8
    (note,) = rows.recipe_notes(told)
    assert note.startswith("net-shuffled was pretrained otherwise than net in steps and shuffle_frames")
    # Of weights that were not made here, nothing is known.
    for part in ("net", "other"):
        assert rows.recipe_notes(told | {"pretrain": {part: told["pretrain"][part]}}) == []
    assert rows.recipe_notes(told | {"backbones": {}}) == []


def probe(kind, name):
    network = NetworkProbe([0, 1, -1], [0.1], [0.25], [0.3], [0, 1, -1], [[0.5]], [2.0])
    told = {"tracks": "t1", "shape": [5, 32], "pca": 0, "frames": 17, "trained_frames": None}
    told |= {"classifier": "logistic", "equal_dimensions": 32, "shots": [1], "coded_clips": 3, "uniform_bits": 3.0}
    return RowProbe(row=name, kind=kind, family="x", networks=[network], **told)


@pytest.fixture
def named(tmp_path, monkeypatch):
    """All rows' probe files."""
    monkeypatch.chdir(tmp_path)
    found = rows.named(VALUES)
    for kind, name in found:
        files.save(probe(kind, name))
    return found


def test_probes_come_back_as_they_were_saved(named):
    assert rows.probes(named) == [probe(kind, name) for kind, name in named]


def test_a_missing_probe_is_refused_by_name_and_nothing_is_removed(named):
    files.path("random", "net").unlink()
    files.path("controls", "pixels").unlink()
    files.save(probe("controls", "stray"))
    with pytest.raises(UserError, match=r"no probe of net \(random\), pixels \(control[s]?\); `dvc repro` makes it"):
        rows.probes(named)
    assert files.path("controls", "stray").is_file()


def test_probes_of_other_rows_are_removed(named):
    kept = sorted(path for path in files.PROBES.rglob("*") if path.is_file())
    files.save(probe("controls", "stray"))
    files.save(probe("pretrained", "bare"))  # a row's name, but not its kind
    files.save(probe("perturbed", "net_2/middle-frame"))  # of the row that was the primary one
    (files.PROBES / "deeper" / "down").mkdir(parents=True)
    (files.PROBES / "deeper" / "down" / "net.json").write_text("{}")
    assert len(rows.probes(named)) == 10
    assert sorted(path for path in files.PROBES.rglob("*") if path.is_file()) == kept


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("{", "is no valid JSON"),
        ('{"row": "pixels"}', "missing key `kind`"),
        ("[]", "Expected `object`, got `array`"),
    ],
)
def test_a_damaged_probe_is_refused_by_its_file(named, damage, message):
    path = files.path("controls", "pixels")
    path.write_text(damage)
    with pytest.raises(UserError, match=f"{path}: .*{message}"):
        rows.probes(named)


def test_pretraining_figures_are_those_of_the_named_recipes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"data/results/pretrain/net\.json: is not there"):
        rows.pretraining(VALUES)
    write_json(Path("data/results/pretrain/net.json"), {"mse": 0.5})
    write_json(Path("data/results/pretrain/old.json"), {"mse": 0.7})
    assert rows.pretraining(VALUES) == {"net": {"mse": 0.5}}
    assert not Path("data/results/pretrain/old.json").exists()
