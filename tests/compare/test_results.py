"""Which results are compared: those of the rows of params.yaml, all of them and no other."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from probed import FEW, MANY, ROW, VARIANT

from trajprobe.compare.results import clip_findings, compared_probes, pretraining_figures, remove_leftovers
from trajprobe.errors import UserError
from trajprobe.files import findings, probe_results
from trajprobe.files.atomic import file_md5
from trajprobe.files.checked_json import write_checked_json
from trajprobe.files.feature_shards import Coordinates, digest, folder
from trajprobe.files.findings import Finding
from trajprobe.files.probe_results import NetworkProbe, RowProbe, VariantProbe
from trajprobe.files.shards import ShardWriter

NET = {"family": "x", "clips": "c", "weights": "net", "like": "net", "layer": "hidden"}
VALUES = {
    "rows": {
        "net": NET | {"perturbations": ["middle-frame", "permuted-weights"]},
        "bare": NET | {"weights": "random", "like": "bare", "perturbations": ["middle-frame"]},
        "net-shuffled": {"family": "x", "clips": "c", "weights": "other", "like": "net"},
        "pixels": {"family": "pixels", "clips": "c", "weights": "none", "like": "pixels"},
    },
    "features": {"seeds": 2, "microbatch": 4, "memory": 1},
    "pretrain": {"net": {"seeds": 3}, "other": {"seeds": 1}},
    "clips": {"c": {}, "d": {}},
}
VARIANTS = {
    "net": [
        ("pretrained", "plain", 3),
        ("random", "plain", 2),
        ("pretrained", "middle-frame", 1),
        ("permuted-weights", "plain", 1),
    ],
    "bare": [("random", "plain", 2), ("random", "middle-frame", 1)],
    "net-shuffled": [("pretrained", "plain", 1)],
    "pixels": [("none", "plain", 1)],
}


def probe(name):
    network = NetworkProbe([0, 1, -1], [0.1], [], [], [], [], [], [])
    variants = [
        VariantProbe(of, shown, "features" if of == "none" else "hidden.tmean", networks=[network] * count, **VARIANT)
        for of, shown, count in VARIANTS[name]
    ]
    return RowProbe(row=name, family="x", variants=variants, **ROW)


@pytest.fixture
def saved(tmp_path, monkeypatch):
    """All rows' probe files."""
    monkeypatch.chdir(tmp_path)
    probes = [probe(name) for name in VARIANTS]
    for one in probes:
        probe_results.save(one)
    return probes


def test_probes_come_back_as_they_were_saved(saved):
    assert compared_probes(VALUES, MANY) == saved


def test_variants_come_in_the_order_of_params_yaml(saved):
    probe_results.save(msgspec.structs.replace(saved[0], variants=saved[0].variants[::-1]))
    assert compared_probes(VALUES, MANY) == saved


@pytest.mark.parametrize("layer", [["hidden", "last.one"], "all"])
def test_a_row_of_several_layers_has_each_and_the_chosen_one_first(saved, layer):
    """Of `all`, the probe file says which these are: the family that knows them needs torch."""
    values = VALUES | {"rows": VALUES["rows"] | {"bare": VALUES["rows"]["bare"] | {"layer": layer}}}
    bare = [
        msgspec.structs.replace(variant, layer=name)
        for name in ("chosen", "hidden.tmean", "last.one.tmean")
        for variant in probe("bare").variants
    ]
    probe_results.save(msgspec.structs.replace(saved[1], variants=bare[::-1]))
    got = compared_probes(values, MANY)[1].variants
    assert sorted(map(str, got)) == sorted(map(str, bare))
    assert got[:2] == bare[:2]
    probe_results.save(msgspec.structs.replace(saved[1], variants=bare[1:]))
    with pytest.raises(UserError, match=r"bare.json: got probes of other features than params.yaml"):
        compared_probes(values, MANY)


def test_missing_probes_are_refused_by_name(saved):
    probe_results.path("net").unlink()
    probe_results.path("pixels").unlink()
    with pytest.raises(UserError, match=r"data/results/probes: no probe of net, pixels; `dvc repro` makes it"):
        compared_probes(VALUES, MANY)


def test_files_that_no_row_names_are_left_alone_and_ignored(saved):
    stray = [probe_results.PROBES / name for name in ("stray.json", "pretrained/net.json", "notes.txt")]
    for path in stray:
        path.parent.mkdir(exist_ok=True)
        path.write_text("{}")
    assert compared_probes(VALUES, MANY) == saved
    assert all(path.is_file() for path in stray)


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("features", "seeds"), 3),
        (("pretrain", "net", "seeds"), 2),
        (("rows", "net", "layer"), "codes"),
        (("rows", "net", "perturbations"), ["middle-frame"]),
        (("rows", "bare", "perturbations"), ["middle-frame", "shuffled-frames"]),
        (("rows", "net", "weights"), "random"),
        (("features", "arrow_of_time"), "all"),
    ],
)
def test_probes_of_other_features_than_those_of_params_yaml_are_refused(saved, keys, value):
    changed = msgspec.json.decode(msgspec.json.encode(VALUES))
    node = changed
    for key in keys[:-1]:
        node = node[key]
    node[keys[-1]] = value
    if value == "random":
        del changed["rows"]["net-shuffled"]
    name = "net" if keys[0] == "features" else keys[1]
    with pytest.raises(UserError, match=rf"probes/{name}\.json: got probes of other features than .*; run `dvc repro`"):
        compared_probes(changed, MANY)


def test_directions_are_of_the_rows_that_see_clips_backwards(saved):
    values = msgspec.json.decode(msgspec.json.encode(VALUES))
    values["features"]["arrow_of_time"] = "controls"
    with pytest.raises(UserError, match=r"probes/pixels\.json: got probes of other features than params\.yaml"):
        compared_probes(values, MANY)
    (variant,) = saved[3].variants
    paired = msgspec.structs.replace(saved[3], variants=[msgspec.structs.replace(variant, reversed=["digest"])])
    probe_results.save(paired)
    assert compared_probes(values, MANY) == [*saved[:3], paired]
    with pytest.raises(UserError, match=r"probes/pixels\.json: got probes of other features than params\.yaml"):
        compared_probes(VALUES, MANY)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("{", "is no valid JSON"),
        ('{"row": "pixels"}', "is damaged"),
        ("[]", "is damaged"),
    ],
)
def test_a_damaged_probe_is_refused_by_its_file(saved, damage, message):
    path = probe_results.path("pixels")
    path.write_text(damage)
    with pytest.raises(UserError, match=f"{path}: .*{message}"):
        compared_probes(VALUES, MANY)


def test_probes_of_other_labels_groups_folds_or_tracks_are_refused(saved):
    for changed in (
        {"labels": MANY.labels[::-1]},
        {"names": MANY.names[::-1]},
        {"groups": MANY.groups // 2},
        {"folds": 1 - MANY.folds},
        {"tracks": "t2"},
    ):
        with pytest.raises(UserError, match=r"net\.json: was made of other tracks, labels, .*run `dvc repro`"):
            compared_probes(VALUES, replace(MANY, **changed))
    with pytest.raises(UserError, match="was made of other tracks, labels"):
        compared_probes(VALUES, FEW)


def test_probes_of_other_features_than_those_that_are_here_are_refused(saved):
    def written(data):
        of = Coordinates("net", f"random/{len(places)}", "plain", "hidden.tmean")
        writer = ShardWriter(folder(of), {})
        writer.add(data, 1)
        writer.close()
        return folder(of)

    places = []
    places += [written(b"one")]
    places += [written(b"two")]
    digests = [digest(place) for place in places]
    for features, refused in ((digests, None), (digests[::-1], "random/0"), (digests[:1], "random/1")):
        variants = [msgspec.structs.replace(part, features=features) for part in saved[0].variants]
        probe_results.save(msgspec.structs.replace(saved[0], variants=variants))
        if refused is None:
            compared_probes(VALUES, MANY)
            continue
        with pytest.raises(
            UserError, match=rf"net\.json: was made of other features than data/features/net/{refused}/"
        ):
            compared_probes(VALUES, MANY)


def test_pretraining_figures_are_those_of_the_named_recipes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"data/results/pretrain/net\.json: is (not there|missing)"):
        pretraining_figures(VALUES)
    for name, mse in (("net", 0.5), ("other", 0.25), ("old", 0.7)):
        write_checked_json(Path(f"data/results/pretrain/{name}.json"), {"mse": mse})
    assert pretraining_figures(VALUES) == {"net": {"mse": 0.5}, "other": {"mse": 0.25}}
    assert Path("data/results/pretrain/old.json").exists()


def test_findings_on_clips_are_those_of_formats_that_a_row_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"data/results/clips/c\.json: is (not there|missing)"):
        clip_findings(VALUES)
    for form in ("c", "d"):
        findings.save([Finding(f"{form}: still", f"Clips {form} stand still.")], findings.of_clips(form))
    assert [finding.name for finding in clip_findings(VALUES)] == ["c: still"]


def test_only_leftovers_that_dvcs_cache_holds_are_removed(saved, tmp_path):
    leftovers = [Path(f"data/results/{folder}/removed.json") for folder in ("probes", "pretrain", "clips")]
    own = [Path("data/results/probes/notes.json"), Path("data/results/probes/notes.md"), Path("data/results/mine.json")]
    for number, path in enumerate([*leftovers, *own]):
        write_checked_json(path, {"row": path.stem, "number": number})
    named = [probe_results.path(name) for name in VARIANTS] + [findings.of_clips("d")]
    findings.save([], named[-1])
    for path in [*leftovers, *named]:
        md5 = file_md5(path)
        held = tmp_path / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
        held.parent.mkdir(parents=True, exist_ok=True)
        held.write_bytes(path.read_bytes())
    remove_leftovers(VALUES)
    assert [path.exists() for path in leftovers] == [False, False, False]
    assert all(path.exists() for path in [*own, *named])


def test_what_a_user_puts_beside_the_results_is_kept(saved, tmp_path):
    """Notes, results of their own in the same format, subfolders, and copies of results that DVC's cache holds."""
    own = probe_results.PROBES / "mine.json"
    probe_results.save(msgspec.structs.replace(saved[0], row="mine"))
    kept = [own, probe_results.PROBES / "before/removed.json", probe_results.PROBES / "net-before.json"]
    kept += [probe_results.PROBES / name for name in ("removed.json.bak", "notes.md", "list.json")]
    data = probe_results.path("net").read_bytes()
    for path in kept[1:]:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    kept[-1].write_text("[]")
    md5 = file_md5(probe_results.path("net"))
    held = tmp_path / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
    held.parent.mkdir(parents=True)
    held.write_bytes(data)
    before = {path: path.read_bytes() for path in kept}
    remove_leftovers(VALUES)
    assert {path: path.read_bytes() for path in kept if path.exists()} == before
