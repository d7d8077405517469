"""Results, features and pictures of a run that never was: of any shape, in a folder, for the page."""

import base64
import contextlib
import csv
from pathlib import Path

import numpy as np
from ruamel.yaml import YAML

from trajprobe.files.atomic import write_bytes, write_json
from trajprobe.files.feature_shards import Coordinates, folder
from trajprobe.files.labelling import LABELLING, Labelling
from trajprobe.files.probe_results import NetworkProbe, RowProbe, VariantProbe, save
from trajprobe.files.shards import ShardWriter, encode_shard
from trajprobe.pictures.files import CODES, RECONSTRUCTION, Pictures, RowPictures, Weights
from trajprobe.pictures.making import code_maps, strip

PARAMS = Path(__file__).parents[2] / "params.yaml"
SHOTS = (1, 2, 4, 8)
FRAMES, SIDE = 6, 16
#: Networks and inputs of a row with weights.
OF_NETWORK = (("pretrained", "plain"), ("random", "plain"), ("pretrained", "shuffled-frames"))


def ends(mean, half=0.04):
    return {"mean": round(mean, 4), "ci_low": round(mean - half, 4), "ci_high": round(mean + half, 4)}


def judged(mean, verdict=None, **more):
    """A difference; `verdict` is 1, -1 or 0, `equal`, or None: nothing was judged."""
    numbers = ends(mean) | {"cohens_h": ends(mean), "verdict": 0, "practically_equal": 0} | more
    if verdict is not None:
        numbers |= {"one_sided_p_value": 0.00003, "detectable_difference": 0.083}
        numbers |= {"practically_equal": 1} if verdict == "equal" else {"verdict": verdict}
    return numbers


def write(top, names=("left", "right"), clips=40, networks=1, controls=("pixels", "kinematics"), verdict=1, **changed):
    """Writes a run of `names` classes; returns its params.yaml.

    `changed` may hold `findings` and `notes` (lists), `few_shot`, `arrow`, `tokens` and `bits` (whether the run has
    these), `primary`, `layers`: how many each network has, `attentive` and `clutter`: whether it has these.
    """
    with contextlib.chdir(top):
        return _write(list(names), clips, networks, controls, verdict, changed)


def _write(names, clips, networks, controls, verdict, changed):
    generator = np.random.default_rng(0)
    rows = {f"net-{number}": _row(f"net-{number}", "magvit2_tiny", "magvit2-tiny") for number in range(networks)}
    rows |= {name: _row(name, name.partition("-")[0], "none") for name in controls}
    primary = changed.get("primary", next(iter(rows)))
    values = YAML(typ="safe").load(PARAMS.read_text()) | {"rows": rows, "dataset": "made-up"}
    values["compare"] |= {"primary": primary}
    values["pretrain"] = {"magvit2-tiny": values["pretrain"]["magvit2-tiny"]} if networks else {}
    labels = np.arange(clips) % len(names)
    folds = np.arange(clips) // len(names) % 2
    labelling = Labelling(labels, np.array(names), np.arange(clips), folds, "t" * 64, 0)
    labelling.save(LABELLING)
    details = {"pretrain": {}, "data": _data(labelling, changed)}
    for place, (name, row) in enumerate(rows.items()):
        details[name] = _details(name, row, 0.9 - 0.4 * place / len(rows), primary, verdict, changed)
    details["data"]["main"] = {
        name: "none plain features" if row["weights"] == "none" else f"pretrained plain {_layer(changed)}"
        for name, row in rows.items()
    }
    write_json(Path("metrics/details.json"), details)
    for recipe in values["pretrain"]:
        _loss(Path(f"metrics/pretrain/{recipe}.csv"))
    _probe(primary, rows[primary], labelling, changed, generator)
    _features(primary, rows[primary], clips, generator)
    for name, row in rows.items():
        _pictures(name, row, labelling, changed, generator)
    return values


def _row(name, family, weights):
    row = {"family": family, "clips": "t17", "weights": weights, "like": name}
    return (
        row
        if weights == "none"
        else row | {"layer": "hidden", "pooling": "tmean", "perturbations": ["shuffled-frames"]}
    )


def _data(labelling, changed):
    numbered = {
        key: {str(place): text for place, text in enumerate(changed.get(key, []))} for key in ("findings", "notes")
    }
    count = len(np.unique(labelling.labels))
    return numbered | {
        "tested_clips": len(labelling.labels), "groups": len(labelling.labels), "classes": count,
        "chance": round(1 / count, 4), "leaked_duplicates": 0, "away_from_chance": 0,
        "verdicts_on": changed.get("metric", "accuracy"),
    }  # fmt: skip


def _details(name, row, score, primary, verdict, changed):
    if row["weights"] == "none":
        numbers = _numbers(score / 2, changed) | _clutter(score / 2, changed)
        if name != primary:
            numbers["difference"] = judged(0.9 - score / 2, 1, reference=f"{primary} x")
        if changed.get("arrow", True):
            numbers["arrow_of_time"] = ends(0.51) | {"minus_chance": judged(0.01, 0)}
        return {"none": {"plain": {"features": numbers}}}
    tree = {}
    for network, shown in OF_NETWORK:
        gflop = {"gflop": 1.0} if shown == "plain" else {}
        own = score if (network, shown) == OF_NETWORK[0] else score / 3
        numbers = (_numbers(own, changed) | gflop) | (
            {"seeds": {"0": own - 0.02, "1": own + 0.02}} if network == "random" else {}
        )
        numbers |= _clutter(own, changed) if shown == "plain" else {}
        if (network, shown) == OF_NETWORK[0]:
            numbers["gain"] = judged(0.6 if verdict != -1 else -0.2, verdict)
            if name != primary:
                numbers["difference"] = judged(0.01, "equal", reference=f"{primary} x")
        elif shown != "plain":
            numbers["difference"] = judged(0.4, 1, reference=f"{name} x")
        of_layers = {_layer(changed): numbers}
        if (count := changed.get("layers", 1)) > 1:
            numbers["folds_that_chose"] = {"hidden-0.tmean": 4, "hidden-1.mean": 1}
            of_layers |= {
                f"hidden-{number}.{pooling}": {
                    "accuracy": ends(own * (0.9 - 0.05 * number - 0.2 * (pooling == "mean")))
                }
                for number in range(count)
                for pooling in ("tmean", "mean")
            }
        if changed.get("attentive") and shown == "plain":
            gain = {"gain": judged(0.2, 1)} if network == "pretrained" else {}
            of_layers["hidden-0.none"] = {"accuracy": ends(own)} | gain
        tree.setdefault(network, {})[shown] = of_layers
    return tree


def _clutter(score, changed):
    """Robustness, where the run has it: probes of plain clips lose half at the highest level, fitted ones a third."""
    if not changed.get("clutter"):
        return {}
    kinds = {
        kind: {
            name: ends(score * (1 - loss * level))
            for name, level in (("plain", 0), ("clutter-0.5", 0.25), ("clutter-2", 1))
        }
        | {"area": ends(score * (1 - loss / 2))}
        for kind, loss in (("from_plain", 0.5), ("fitted", 0.33))
    }
    return {"robustness": kinds}


def _layer(changed):
    """Of the lines that stand for rows."""
    return "chosen" if changed.get("layers", 1) > 1 else "hidden-0.tmean"


def _numbers(score, changed):
    numbers = {key: ends(score) for key in ("accuracy", "balanced_accuracy", "macro_f1")} | {"dimensions": 12}
    if changed.get("few_shot", True):
        numbers["few_shot"] = {f"shots_{shot}": round(score * (0.5 + shot / 16), 4) for shot in SHOTS}
        numbers |= {"few_shot_area": ends(score), "bits_per_clip": ends(1.2), "compression": 2.0}
    return numbers


def _loss(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["step", "total"])
        writer.writerows([step, 1 / (1 + step)] for step in range(0, 50, 5))


def _probe(name, row, labelling, changed, generator):
    clips, classes = len(labelling.labels), len(labelling.names)
    variants = []
    for network, shown in OF_NETWORK if row["weights"] != "none" else (("none", "plain"),):
        predictions = np.where(generator.random(clips) < 0.8, labelling.labels, generator.integers(0, classes, clips))
        bits = generator.random(clips).round(3).tolist() if changed.get("bits", True) else []
        probe = NetworkProbe(predictions.tolist(), [], [], [], [], [], [], bits)
        layer = "features" if row["weights"] == "none" else _layer(changed)
        variants.append(VariantProbe(network, shown, layer, [1, 12], 0, FRAMES, None, 12, [probe], []))
    save(RowProbe(name, row["family"], labelling.digest(), "logistic", list(SHOTS), clips, 1.0, variants))


def _features(name, row, clips, generator):
    networks = ("pretrained", "random/0") if row["weights"] != "none" else ("none",)
    layer = "features" if row["weights"] == "none" else "hidden-0.tmean"
    for network in networks:
        meta = {"family": row["family"], "precision": "float32", "device": "cpu-avx2", "clips": {"format": {}}}
        writer = ShardWriter(folder(Coordinates(name, network, "plain", layer)), meta)
        for start in range(0, clips, 10_000):
            count = min(10_000, clips - start)
            features = generator.standard_normal((count, 1, 12)).astype(np.float32)
            writer.add(encode_shard({"features": features}, meta), count)
        writer.close()


def _pictures(name, row, labelling, changed, generator):
    pictures = Pictures.of(name)
    labels, first = np.unique(labelling.labels, return_index=True)
    labels = list(map(str, labels.tolist()))
    inputs = ["plain", *row.get("perturbations", ())]
    tokens = labels[:2] if row["weights"] != "none" and changed.get("tokens", True) else []
    video = generator.integers(0, 255, (FRAMES, SIDE, SIDE, 3), dtype=np.uint8)
    for label in labels:
        for shown in inputs:
            write_bytes(pictures.clip(shown, label), strip(video))
    for label in tokens:
        maps = code_maps(generator.integers(0, 9, (1, 2, 4, 4)), (FRAMES, SIDE, SIDE))[0]
        write_bytes(pictures.token(CODES, label), strip(maps))
        write_bytes(pictures.token(RECONSTRUCTION, label), strip(video))
    weights = [Weights("net", "a" * 64, changed.get("licence", "MIT"), "made up")] if row["weights"] != "none" else []
    facts = RowPictures(
        frames=FRAMES, resolution=SIDE, radius=0.05, shown=list(range(FRAMES)), inputs=inputs, tokens=tokens,
        examples=dict(zip(labels, first.tolist(), strict=True)), weights=weights,
    )  # fmt: skip
    pictures.save(facts, generator.random((len(labelling.labels), FRAMES, 2)))


def decoded(address):
    """The text of a data: address."""
    return base64.b64decode(address.partition(",")[2]).decode()
