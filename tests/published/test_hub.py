"""Downloads from a small hub on this machine, which answers the real requests of huggingface_hub."""

import hashlib
import io
import json
import random
from pathlib import Path

import pytest
import shrunk
import torch

from trajprobe.errors import UserError
from trajprobe.published import source_open_magvit2

DOWNLOAD = """
import sys
from trajprobe.errors import UserError
from trajprobe.published import hub
from trajprobe.published.source import HubRepository
try:
    release = hub.look_up(HubRepository(REPOSITORY, lambda names, where: (FILE,)), *sys.argv[1:])
    print(release.terms)
    print(*hub.download(release).values())
except UserError as error:
    sys.exit(f"refused: {error}")
""".replace("REPOSITORY", repr(source_open_magvit2.REPOSITORY)).replace("FILE", repr(source_open_magvit2.FILE))
PROVENANCE = "data/weights/open-magvit2/provenance.json"


def checkpoint(epoch=1):
    buffer = io.BytesIO()
    torch.save({"epoch": epoch, "state_dict": shrunk.state()}, buffer)
    return buffer.getvalue()


def test_the_first_download_is_recorded_and_later_ones_must_equal_it(
    hub, small, repository, save, add, tmp_path, files
):
    assert add("--from", save(shrunk.state()))[0] == 0  # a file of the user's fixes no later download
    data = checkpoint()
    commit = hub.publish(data)
    status, output = hub.add("--force", home=tmp_path / "one")
    assert status == 0, output
    assert output.startswith(f"licence: apache-2.0, https://huggingface.co/{hub.repository}\n")
    assert (hub.asked("revision"), set(hub.asked("resolve"))) == (["main"], {commit})
    provenance = json.loads((repository / PROVENANCE).read_text())
    digest = hashlib.sha256(data).hexdigest()
    assert provenance["source"] == {"repository": hub.repository, "revision": commit, "files": {hub.file: digest}}
    assert (provenance["licence"], provenance["weights"]) == ("apache-2.0", "ema")
    assert (repository / "data/weights/open-magvit2.dvc").is_file()

    hub.publish(checkpoint(epoch=2))  # main goes on; this repository does not
    hub.log.clear()
    before = files(repository / "data")
    status, output = hub.add("--force", home=tmp_path / "two")
    assert status == 0, output
    assert set(hub.asked("revision") + hub.asked("resolve")) == {commit}
    assert files(repository / "data") == before

    hub.versions[commit] = {hub.file: checkpoint(epoch=3)}  # what only a mirror that lies can do
    for stated, deletes in ((None, False), (digest, True)):
        hub.stated = stated
        status, output = hub.add("--force", home=tmp_path / f"three {deletes}")
        assert (status, len(output.splitlines())) == (2, 2), output
        got = hashlib.sha256(hub.versions[commit][hub.file]).hexdigest()
        for words in (f"got sha256 {got}", f"expected {digest}", PROVENANCE, "give the recorded file with --from"):
            assert words in output
        assert (f"three {deletes}/hub" in output) == deletes  # it was downloaded only where the hub hid the change
        assert files(repository / "data") == before


def test_a_first_download_must_have_the_hash_that_the_hub_states(hub, top, tmp_path, files):
    hub.publish(checkpoint())
    hub.stated = "0" * 64
    before = files(top)
    status, output = hub.add(home=tmp_path / "home")
    assert (status, f"expected {'0' * 64} as the hub says" in output, "Traceback" in output) == (2, True, False)
    assert files(top) == before


def test_a_broken_transfer_resumes_where_it_broke(hub, tmp_path):
    data = random.Random(0).randbytes(25_000_000)  # the client keeps what it has by ten megabytes
    hub.publish(data)
    hub.cut_at = 15_000_000
    status, output = hub.run("-c", DOWNLOAD, "main", home=tmp_path)
    assert status == 0, output
    assert hub.files() == [(hub.file, None), (hub.file, "bytes=10485760-")]
    (path,) = [line for line in output.splitlines() if line.endswith(hub.file)]
    assert path.startswith(str(tmp_path / "hub"))
    assert Path(path).read_bytes() == data
    hub.log.clear()
    assert hub.run("-c", DOWNLOAD, "main", home=tmp_path)[0] == 0
    assert hub.files() == []


@pytest.mark.parametrize(
    ("card", "line"),
    [
        ({"license": "apache-2.0"}, "licence: apache-2.0, https://huggingface.co/{}"),
        (
            {"license": "other", "license_name": "some-terms", "license_link": "LICENSE"},
            "licence: other some-terms LICENSE, https://huggingface.co/{}",
        ),
        ({"license": ["mit", "cc-by-4.0"]}, "licence: mit cc-by-4.0, https://huggingface.co/{}"),
        ({}, "licence: the hub names none for {0}; look for its terms at https://huggingface.co/{0}"),
        (None, "licence: the hub names none for {0}; look for its terms at https://huggingface.co/{0}"),
    ],
)
def test_the_licence_is_shown_before_the_file_is_requested(hub, tmp_path, card, line):
    hub.publish(b"anything")
    hub.card = card
    status, output = hub.run("-c", DOWNLOAD.replace("print(*hub.download", "sys.exit(0) #"), "main", home=tmp_path)
    assert (status, output.strip()) == (0, line.format(hub.repository))
    assert hub.asked("resolve") == []


NOT_THERE = {"X-Error-Code": "RepoNotFound"}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((401, NOT_THERE), "does not exist or is private; check HF_ENDPOINT and HF_TOKEN"),
        ((403, {"X-Error-Code": "GatedRepo"}), "is gated; accept its terms at https://huggingface.co/TencentARC"),
        ((500, {}), "could not get the list of its files (HfHubHTTPError: Server error '500"),
    ],
)
def test_a_refusal_of_the_hub_is_reported_in_one_line(hub, tmp_path, answer, words):
    hub.answer = answer
    refused(hub, tmp_path, words)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((403, {}), "could not get video_128_262144.ckpt (HfHubHTTPError: "),
        ((403, {"X-Error-Code": "GatedRepo"}), "is gated; accept its terms at"),
        ((404, {"X-Error-Code": "EntryNotFound"}), "has no video_128_262144.ckpt"),
    ],
)
def test_a_listed_file_that_the_hub_refuses_is_reported(hub, tmp_path, answer, words):
    hub.publish(b"anything")
    hub.answer, hub.refuses = answer, "/resolve/"
    refused(hub, tmp_path, words)


def test_a_missing_revision_is_reported(hub, tmp_path):
    hub.publish(b"anything")
    refused(hub, tmp_path, "no longer has the revision that was asked for", "0" * 40)


def test_a_missing_file_is_reported():
    with pytest.raises(UserError, match=rf"^here: has no {source_open_magvit2.FILE}"):
        source_open_magvit2.hub_repository("open-magvit2").select_files(["another.ckpt"], "here")


def test_a_missing_network_is_reported(hub, tmp_path):
    refused(hub, tmp_path, "(ConnectError: ", HF_ENDPOINT="http://127.0.0.1:9")


def test_the_offline_mode_is_reported(hub, tmp_path):
    refused(hub, tmp_path, "was not asked, since HF_HUB_OFFLINE is set; unset it", HF_HUB_OFFLINE="1")
    assert hub.log == []


@pytest.mark.harm("full disk")
def test_a_full_disk_is_reported(hub, tmp_path):
    hub.publish(bytes(1000))
    full = """
import errno, huggingface_hub
def download(*arguments, **options): raise OSError(errno.ENOSPC, "No space left on device")
huggingface_hub.hf_hub_download = download
"""
    refused(hub, tmp_path, f"no space for {hub.file} in {tmp_path}/hub; free some", code=full + DOWNLOAD)


def refused(hub, home, words, revision="main", code=DOWNLOAD, **variables):
    status, output = hub.run("-c", code, revision, home=home, **variables)
    (line,) = [line for line in output.splitlines() if not line.startswith("licence: ")]
    assert status == 1
    assert line.startswith(f"refused: {hub.repository}")
    assert words in line
    assert "give it with --from" in line or "no space" in line
