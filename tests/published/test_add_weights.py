"""`trajprobe weights add` with a file of the user's: what it writes, and what it leaves unchanged."""

import hashlib
import json
import os

import pytest
import shrunk
import torch
from safetensors.torch import load_file

from trajprobe.files.checked_json import read_checked_json

FOLDER = "data/weights/open-magvit2"


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_weights_their_provenance_and_a_dvc_file_are_written(small, repository, save, add):
    state = shrunk.state()
    file = save(state)
    status, output = add("--from", file)
    assert status == 0, output
    assert "568 entries: 133 encoder + 150 decoder, twice" in output
    assert digest(file) in output
    assert (
        "283 tensors, the moving average; used by these lines of params.yaml, under `rows` and `clips`:\n"
        "  open-magvit2: {family: open_magvit2, clips: t5x128, weights: open-magvit2, like: open-magvit2, "
        "layer: latents}\n"
        "  t5x128: {frames: 5, resolution: 128}\n"
    ) in output
    made = repository / FOLDER
    assert sorted(path.name for path in made.iterdir()) == ["model.safetensors", "provenance.json"]
    assert read_checked_json(made / "provenance.json") == {
        "made_by": "weights add",
        "family": "open_magvit2",
        "source": {"files": {"video.ckpt": digest(file)}},
        "weights": "ema",
        "entries": 568,
        "trained_frames": 17,
        "sha256": digest(made / "model.safetensors"),
    }
    tensors = load_file(made / "model.safetensors")
    assert tensors.keys() == shrunk.expected().keys()
    assert all(torch.equal(value, state["model_ema." + name.replace(".", "")]) for name, value in tensors.items())
    assert "path: open-magvit2" in made.with_name("open-magvit2.dvc").read_text()
    assert "nfiles: 2" in made.with_name("open-magvit2.dvc").read_text()
    assert {path.stat().st_mode & 0o777 for path in made.iterdir()} == {0o666 & ~umask()}


def test_names_in_a_file_beside_its_tensors_are_printed_and_recorded(small, repository, tmp_path, add):
    file = tmp_path / "video.ckpt"
    torch.save({"state_dict": shrunk.state(), "callbacks": {json.JSONDecoder: 1, json.dumps: 2}}, file)
    status, output = add("--from", file)
    assert status == 0, output
    names = ["json.decoder.JSONDecoder", "json.dumps"]
    assert f"video.ckpt: names classes or functions that were neither imported nor run: {', '.join(names)}\n" in output
    assert read_checked_json(repository / FOLDER / "provenance.json")["not_run"] == names


def umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_raw_selects_the_raw_weights_and_provenance_says_so(small, repository, save, add):
    state = shrunk.state(losses=True)
    status, output = add("--from", save(state), "--raw")
    assert (status, "283 tensors, the raw weights; used by these lines" in output) == (0, True)
    tensors = load_file(f"{FOLDER}/model.safetensors")
    assert all(torch.equal(value, state[name]) for name, value in tensors.items())
    provenance = read_checked_json(repository / FOLDER / "provenance.json")
    assert (provenance["weights"], provenance["entries"]) == ("raw", 636)


def test_existing_weights_are_replaced_with_force_alone(small, repository, save, add, files):
    file = save(shrunk.state())
    assert add("--from", file)[0] == 0
    before = files(repository / "data")
    for has_folder in (True, False):  # the folder, or its .dvc file alone
        status, output = add("--from", file)
        assert (status, "--force" in output, FOLDER in output) == (2, True, True)
        if has_folder:
            (repository / FOLDER).rename(repository / "kept")
    (repository / "kept").rename(repository / FOLDER)
    assert files(repository / "data") == before
    status, output = add("--from", file, "--force")
    assert (status, "has changed, since these weights differ" in output) == (0, False)
    assert files(repository / "data") == before  # to the byte
    status, output = add("--from", file, "--force", "--raw")
    assert (status, "has changed, since these weights differ" in output) == (0, True)
    assert files(repository / "data") != before


def test_a_refused_file_leaves_the_existing_weights(small, repository, save, add, files):
    assert add("--from", save(shrunk.state()))[0] == 0
    before = files(repository)
    bad = save(shrunk.state() | {"encoder.more": torch.zeros(1)}, "bad.ckpt")
    assert add("--from", bad, "--force")[0] == 2
    (repository / "dvc.yaml").write_text(f"stages: {{make: {{cmd: make, outs: [{FOLDER}]}}}}")
    status, output = add("--from", save(shrunk.state()), "--force", "--raw")
    assert (status, "dvc add" in output) == (2, True)
    (repository / "dvc.yaml").unlink()
    assert {p: data for p, data in files(repository).items() if "/.dvc/" not in str(p)} == {
        p: data for p, data in before.items() if "/.dvc/" not in str(p)
    }


def test_a_full_disk_is_reported_and_leaves_no_file(small, top, save, add, monkeypatch, files):
    def full(tensors, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("trajprobe.published.single_file.save_file", full)
    before = files(top)
    status, output = add("--from", save(shrunk.state()))
    assert (status, len(output.splitlines())) == (2, 2)
    assert f"{FOLDER}: cannot be written ([Errno 28] No space left on device); is the disk full?" in output
    assert files(top) == before


def test_views_into_one_storage_are_written_with_their_own_values(small, repository, save, add):
    state = shrunk.state()
    names = [name for name in state if name.startswith("model_ema.") and state[name].is_floating_point()]
    flat = torch.cat([state[name].flatten() for name in names])
    pieces = flat.split([state[name].numel() for name in names])
    views = {name: piece.view(state[name].shape) for name, piece in zip(names, pieces, strict=True)}
    turned = "model_ema.encoderconv_inconv_1weight"
    views[turned] = views[turned].clone().transpose(0, 1)
    first, second = "model_ema.encodernorm_outweight", "model_ema.encodernorm_outbias"
    views[first] = views[second] = torch.tensor([0.25, 0.75])
    assert add("--from", save(state | views))[0] == 0
    for name, value in load_file(f"{FOLDER}/model.safetensors").items():
        assert torch.equal(value, views["model_ema." + name.replace(".", "")]), name


def test_an_unknown_name_is_refused_with_the_valid_names(refused):
    for name in ("magvit", "../open-magvit2", "open_magvit2", "videogpt-", "add_weights", ""):
        refused(
            name=name,
            words=[
                f"got {name!r}",
                ", expected one of cosmos-cv8x8x8, wan-2.1, ",
                ", mochi-1, videomae-base, ",
                "open-magvit2, videogpt, v",
                "add a row to huggingface.yaml or diffusers.yaml of src/trajprobe/published",
            ],
        )


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("clip", "clip-vit-b32 or clip-vit-b16"),
        ("CLIP", "clip-vit-b32 or clip-vit-b16"),
        ("wan2.1", "wan-2.1"),
        ("videomae-bsae", "videomae-base"),
        ("swin", "swin-tiny"),
    ],
)
def test_the_nearest_names_stand_before_all_of_them(refused, name, near):
    refused(name=name, words=[f"weights add: got {name!r} (did you mean {near}?), expected one of cosmos-cv8x8x8, "])


def test_the_command_refuses_to_run_outside_the_root_of_a_repository(small, save, add, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, output = add("--from", save(shrunk.state()))
    assert (status, "is not the root of the repository" in output) == (2, True)


@pytest.mark.parametrize("cut", [100, 5000])
def test_a_truncated_file_is_refused(small, save, refused, cut):
    file = save(shrunk.state())
    file.write_bytes(file.read_bytes()[:-cut])
    refused("--from", file, words=[f"{file}: is cut short or damaged"])


def test_a_missing_file_is_refused(small, tmp_path, refused):
    refused("--from", tmp_path / "nowhere.ckpt", words=[f"{tmp_path}/nowhere.ckpt: cannot be read (No such file"])
