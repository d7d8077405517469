"""`trajprobe weights add`: what it makes of a file that the user has, and what it leaves alone."""

import hashlib
import json
import os

import pytest
import shrunk
import torch
from safetensors.torch import load_file

FOLDER = "data/weights/open-magvit2"


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_weights_provenance_and_what_git_keeps_are_made_of_a_file(small, repository, save, add):
    state = shrunk.state()
    file = save(state)
    ended, told = add("--from", file)
    assert ended == 0, told
    assert "568 entries: 133 encoder + 150 decoder, twice" in told
    assert digest(file) in told
    assert "283 tensors, the moving average; a row of family open_magvit2 takes `weights: open-magvit2`\n" in told
    made = repository / FOLDER
    assert sorted(path.name for path in made.iterdir()) == ["model.safetensors", "provenance.json"]
    assert json.loads((made / "provenance.json").read_text()) == {
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


def test_what_a_file_names_beside_its_tensors_is_told_and_recorded(small, repository, tmp_path, add):
    file = tmp_path / "video.ckpt"
    torch.save({"state_dict": shrunk.state(), "callbacks": {json.JSONDecoder: 1, json.dumps: 2}}, file)
    ended, told = add("--from", file)
    assert ended == 0, told
    names = ["json.decoder.JSONDecoder", "json.dumps"]
    assert f"video.ckpt: names classes or functions that were neither imported nor run: {', '.join(names)}\n" in told
    assert json.loads((repository / FOLDER / "provenance.json").read_text())["not_run"] == names


def umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_raw_weights_are_taken_when_asked_for_and_the_record_says_so(small, repository, save, add):
    state = shrunk.state(losses=True)
    ended, told = add("--from", save(state), "--raw")
    assert (ended, "283 tensors, the raw weights; a row of family open_magvit2 takes" in told) == (0, True)
    tensors = load_file(f"{FOLDER}/model.safetensors")
    assert all(torch.equal(value, state[name]) for name, value in tensors.items())
    told = json.loads((repository / FOLDER / "provenance.json").read_text())
    assert (told["weights"], told["entries"]) == ("raw", 636)


def test_weights_that_are_there_are_replaced_only_when_forced_to(small, repository, save, add, files):
    file = save(shrunk.state())
    assert add("--from", file)[0] == 0
    before = files(repository / "data")
    for there in (True, False):  # the folder, or its .dvc file alone
        ended, told = add("--from", file)
        assert (ended, "--force" in told, FOLDER in told) == (2, True, True)
        if there:
            (repository / FOLDER).rename(repository / "kept")
    (repository / "kept").rename(repository / FOLDER)
    assert files(repository / "data") == before
    ended, told = add("--from", file, "--force")
    assert (ended, "is not what it was" in told) == (0, False)
    assert files(repository / "data") == before  # to the byte
    ended, told = add("--from", file, "--force", "--raw")
    assert (ended, "is not what it was" in told) == (0, True)
    assert files(repository / "data") != before


def test_what_is_refused_leaves_the_weights_that_were_there(small, repository, save, add, files):
    assert add("--from", save(shrunk.state()))[0] == 0
    before = files(repository)
    bad = save(shrunk.state() | {"encoder.more": torch.zeros(1)}, "bad.ckpt")
    assert add("--from", bad, "--force")[0] == 2
    (repository / "dvc.yaml").write_text(f"stages: {{make: {{cmd: make, outs: [{FOLDER}]}}}}")
    ended, told = add("--from", save(shrunk.state()), "--force", "--raw")
    assert (ended, "dvc add" in told) == (2, True)
    (repository / "dvc.yaml").unlink()
    assert {p: data for p, data in files(repository).items() if "/.dvc/" not in str(p)} == {
        p: data for p, data in before.items() if "/.dvc/" not in str(p)
    }


def test_a_full_disk_is_told_and_leaves_nothing_behind(small, top, save, add, monkeypatch, files):
    def full(tensors, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("trajprobe.published.one_file.save_file", full)
    before = files(top)
    ended, told = add("--from", save(shrunk.state()))
    assert (ended, len(told.splitlines())) == (2, 2)
    assert f"{FOLDER}: cannot be written ([Errno 28] No space left on device); is the disk full?" in told
    assert files(top) == before


def test_tensors_that_are_views_into_one_storage_are_written_as_what_they_show(small, repository, save, add):
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


def test_an_unknown_name_is_told_with_the_valid_ones(refused):
    for name in ("magvit", "../open-magvit2", "open_magvit2", "videogpt-", "adding", ""):
        refused(name=name, words=[f"got {name!r}, expected one of videomae-base, ", "open-magvit2, videogpt, v"])


def test_the_command_is_run_at_the_top_of_a_repository(small, save, add, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ended, told = add("--from", save(shrunk.state()))
    assert (ended, "is not the top of the repository" in told) == (2, True)


@pytest.mark.parametrize("cut", [100, 5000])
def test_a_truncated_file_is_refused(small, save, refused, cut):
    file = save(shrunk.state())
    file.write_bytes(file.read_bytes()[:-cut])
    refused("--from", file, words=[f"{file}: is cut short or damaged"])


def test_a_file_that_is_not_there_is_refused(small, tmp_path, refused):
    refused("--from", tmp_path / "nowhere.ckpt", words=[f"{tmp_path}/nowhere.ckpt: cannot be read (No such file"])
