"""`trajprobe weights add` of models of transformers from a small hub on this machine."""

import hashlib
import json
import random
from pathlib import Path

import pytest
import transformers_folders

from trajprobe.files.checked_json import read_checked_json, write_checked_json

NAME = "videomae-base"
FOLDER = Path("data/weights", NAME)
LICENCE = "licence: cc-by-nc-4.0, https://huggingface.co/MCG-NJU/videomae-base"
DOWNLOAD = """
import json, sys
from pathlib import Path
from trajprobe.errors import UserError
from trajprobe.published import fetch, source_huggingface
try:
    name = sys.argv[1]
    files = fetch.files_from_hub(source_huggingface.hub_repository(name), Path("data/weights", name), print)
    print(json.dumps(files.provenance))
except UserError as error:
    sys.exit(f"refused: {error}")
"""


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    """The files of the repository of videomae-base, and others that must never be requested."""
    folder = transformers_folders.make(NAME, tmp_path_factory.mktemp("published"))
    more = {"pytorch_model.bin": b"", "modeling_own.py": b"", "training_args.bin": b"", ".gitattributes": b""}
    return {path.name: path.read_bytes() for path in folder.iterdir()} | more


@pytest.fixture
def videomae(hub, published):
    """That repository, on the hub; its commit."""
    hub.repository, hub.card = "MCG-NJU/videomae-base", {"license": "cc-by-nc-4.0"}
    return hub.publish(published)


def digests(files, *names):
    return {name: hashlib.sha256(files[name]).hexdigest() for name in names}


FILES = ("config.json", "preprocessor_config.json", "model.safetensors")


def test_only_the_needed_files_are_downloaded_recorded_and_kept_to(
    hub, videomae, repository, published, tmp_path, files
):
    status, output = hub.trajprobe("weights", "add", NAME, home=tmp_path / "one")
    assert status == 0, output
    assert output.startswith(f"{LICENCE}\n")
    assert (hub.asked("revision"), set(hub.asked("resolve"))) == (["main"], {videomae})
    assert hub.files() == [(name, None) for name in FILES]
    api, resolve = f"/api/models/{hub.repository}/revision/main", f"/{hub.repository}/resolve/{videomae}"
    assert {path for _, path, _ in hub.log} == {api, *(f"{resolve}/{name}" for name in FILES)}
    assert {path.name: path.read_bytes() for path in FOLDER.iterdir() if path.name != "provenance.json"} == {
        name: published[name] for name in FILES
    }
    provenance = read_checked_json(FOLDER / "provenance.json")
    assert provenance["source"] == {
        "repository": hub.repository,
        "revision": videomae,
        "files": digests(published, *FILES),
    }
    assert (provenance["licence"], provenance["sha256"]) == (
        "cc-by-nc-4.0",
        provenance["source"]["files"]["model.safetensors"],
    )

    hub.publish(published | {"config.json": b"{}"})  # main goes on; this repository does not
    hub.log.clear()
    before = files(repository / "data")
    status, output = hub.trajprobe("weights", "add", NAME, "--force", home=tmp_path / "one")
    assert status == 0, output
    assert (hub.asked("revision"), hub.files()) == ([videomae], [])
    assert files(repository / "data") == before


def test_a_download_that_does_not_load_leaves_no_file(hub, videomae, top, published, tmp_path, files):
    hub.publish(published | {"model.safetensors": published["model.safetensors"][:-1000]})
    before = files(top)
    status, output = hub.trajprobe("weights", "add", NAME, home=tmp_path)
    assert (status, "/model.safetensors: is no safetensors file (" in output, "Traceback" in output) == (2, True, False)
    assert files(top) == before


def recorded(folder, repository, revision, **sha256):
    """Writes the provenance of an earlier download."""
    (folder / FOLDER).mkdir(parents=True)
    provenance = {"source": {"repository": repository, "revision": revision, "files": sha256}}
    write_checked_json(folder / FOLDER / "provenance.json", provenance)


def download(hub, home, name=NAME):
    return hub.run("-c", DOWNLOAD, name, home=home)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_another_file_than_the_recorded_one_is_refused(hub, videomae, top, published, tmp_path, name):
    recorded(top, hub.repository, videomae, **{name: "0" * 64})
    status, output = download(hub, tmp_path)
    got = digests(published, name)[name]
    words = f"{name} at {videomae}: got sha256 {got}, expected {'0' * 64} as {FOLDER}/provenance.json has recorded; "
    assert status == 1
    assert f"refused: {hub.repository}/{words}" in output
    # The hub tells the hash of a large file before it is downloaded.
    assert bool(hub.files()) == (name == "config.json")


def test_a_download_must_have_the_hash_that_the_hub_states(hub, videomae, top, tmp_path):
    hub.stated = "0" * 64
    status, output = download(hub, tmp_path)
    assert (status, f"expected {'0' * 64} as the hub says; delete {tmp_path}/" in output) == (1, True)


def test_the_provenance_of_another_repository_fixes_nothing(hub, videomae, top, tmp_path):
    recorded(top, "another/repository", "1" * 40, **{"config.json": "0" * 64})
    status, output = download(hub, tmp_path)
    assert (status, hub.asked("revision")) == (0, ["main"]), output


def test_a_broken_transfer_of_a_model_resumes_where_it_broke(hub, videomae, top, published, tmp_path):
    data = random.Random(0).randbytes(25_000_000)  # the client keeps what it has by ten megabytes
    hub.publish(published | {"model.safetensors": data})
    hub.cut_at = 15_000_000
    status, output = download(hub, tmp_path)
    assert status == 0, output
    assert hub.files()[2:] == [("model.safetensors", None), ("model.safetensors", "bytes=10485760-")]
    assert hashlib.sha256(data).hexdigest() in output


def test_the_licence_is_shown_before_any_file_is_requested(hub, videomae, top, tmp_path):
    hub.answer, hub.refuses = (403, {"X-Error-Code": "GatedRepo"}), "/resolve/"
    status, output = download(hub, tmp_path)
    assert (status, output.splitlines()[0]) == (1, LICENCE)
    assert "is gated; accept its terms at https://huggingface.co/MCG-NJU/videomae-base" in output


def test_the_licence_of_the_table_is_shown_if_the_hub_names_none(hub, videomae, top, tmp_path):
    hub.card = {}
    assert download(hub, tmp_path)[1].startswith(f"{LICENCE}\n")
    hub.card = {"license": "mit"}
    assert download(hub, tmp_path)[1].startswith("licence: mit, https://")


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("config.json", "has no config.json"),
        ("preprocessor_config.json", "has no preprocessor_config.json and no video_preprocessor_config.json"),
        ("model.safetensors", "has no model.safetensors; a pytorch_model.bin can run code and is not taken"),
    ],
)
def test_a_repository_without_a_needed_file_is_refused_before_any_download(
    hub, videomae, top, published, tmp_path, missing, words
):
    commit = hub.publish({name: data for name, data in published.items() if name != missing})
    status, output = download(hub, tmp_path)
    assert (status, f"refused: {hub.repository} at {commit}: {words}" in output) == (1, True), output
    assert hub.files("GET") == hub.files("HEAD") == []


def test_both_preprocessing_files_are_downloaded(hub, videomae, top, published, tmp_path):
    hub.publish(published | {"video_preprocessor_config.json": b"{}"})
    assert download(hub, tmp_path)[0] == 0
    assert [name for name, _ in hub.files()] == [*FILES[:2], "video_preprocessor_config.json", FILES[2]]


def test_a_pull_request_is_resolved_and_recorded_as_a_commit(hub, top, published, tmp_path):
    hub.repository = "openai/clip-vit-base-patch32"
    hub.refs["refs/pr/15"] = commit = hub.publish(published)
    hub.publish({"pytorch_model.bin": b""})  # all that main has
    status, output = download(hub, tmp_path, "clip-vit-b32")
    assert (status, json.loads(output.splitlines()[-1])["source"]["revision"]) == (0, commit)
    assert (hub.asked("revision"), set(hub.asked("resolve"))) == (["refs%2Fpr%2F15"], {commit})
    assert output.startswith("licence: apache-2.0")


PINNED = """
from trajprobe.published import source_huggingface
source_huggingface.ROWS["videomae-base"] = source_huggingface.PublishedModel(
    pooling="tmean", repository="MCG-NJU/videomae-base", revision="{}"
)
"""


def test_a_pinned_commit_is_requested_and_another_recorded_one_refused(hub, videomae, top, published, tmp_path):
    code = PINNED.format(videomae) + DOWNLOAD
    later = hub.publish(published | {"config.json": b"{}"})
    assert hub.run("-c", code, NAME, home=tmp_path)[0] == 0
    assert set(hub.asked("revision") + hub.asked("resolve")) == {videomae}
    recorded(top, hub.repository, later)
    hub.log.clear()
    status, output = hub.run("-c", code, NAME, home=tmp_path)
    words = f"got commit {later} of {hub.repository}, expected {videomae} as its row pins; change the row, or move"
    assert (status, f"refused: {FOLDER}/provenance.json: {words}" in output, hub.log) == (1, True, [])
