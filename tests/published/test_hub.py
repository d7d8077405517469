"""Downloads, from a small hub on this machine that answers what huggingface_hub really asks."""

import hashlib
import io
import json
import random
from pathlib import Path

import pytest
import shrunk
import torch

from trajprobe.published import open_magvit2

DOWNLOAD = """
import sys
from trajprobe.params import UserError
from trajprobe.published import hub, open_magvit2
try:
    release = hub.look_up(open_magvit2.place("open-magvit2"), *sys.argv[1:])
    print(release.terms)
    print(*hub.download(release).values())
except UserError as error:
    sys.exit(f"refused: {error}")
"""
PROVENANCE = "data/weights/open-magvit2/provenance.json"


def checkpoint(epoch=1):
    buffer = io.BytesIO()
    torch.save({"epoch": epoch, "state_dict": shrunk.state()}, buffer)
    return buffer.getvalue()


def test_the_first_download_is_recorded_and_later_ones_are_held_to_it(
    hub, small, repository, save, add, tmp_path, files
):
    assert add("--from", save(shrunk.state()))[0] == 0  # a file that the user has holds no download to it
    data = checkpoint()
    commit = hub.publish(data)
    ended, told = hub.add("--force", home=tmp_path / "one")
    assert ended == 0, told
    assert told.startswith(f"licence: apache-2.0, https://huggingface.co/{hub.repository}\n")
    assert (hub.asked("revision"), set(hub.asked("resolve"))) == (["main"], {commit})
    recorded = json.loads((repository / PROVENANCE).read_text())
    digest = hashlib.sha256(data).hexdigest()
    assert recorded["source"] == {"repository": hub.repository, "revision": commit, "files": {hub.file: digest}}
    assert (recorded["licence"], recorded["weights"]) == ("apache-2.0", "ema")
    assert (repository / "data/weights/open-magvit2.dvc").is_file()

    hub.publish(checkpoint(epoch=2))  # main goes on; this repository does not
    hub.log.clear()
    before = files(repository / "data")
    ended, told = hub.add("--force", home=tmp_path / "two")
    assert ended == 0, told
    assert set(hub.asked("revision") + hub.asked("resolve")) == {commit}
    assert files(repository / "data") == before

    hub.versions[commit] = {hub.file: checkpoint(epoch=3)}  # what only a mirror that lies can do
    for stated, deletes in ((None, False), (digest, True)):
        hub.stated = stated
        ended, told = hub.add("--force", home=tmp_path / f"three {deletes}")
        assert (ended, len(told.splitlines())) == (2, 2), told
        got = hashlib.sha256(hub.versions[commit][hub.file]).hexdigest()
        for words in (f"got sha256 {got}", f"expected {digest}", PROVENANCE, "recorded with --from"):
            assert words in told
        assert (f"three {deletes}/hub" in told) == deletes  # it was downloaded only where the hub hid the change
        assert files(repository / "data") == before


def test_a_first_download_is_held_to_what_the_hub_says_of_it(hub, top, tmp_path, files):
    hub.publish(checkpoint())
    hub.stated = "0" * 64
    before = files(top)
    ended, told = hub.add(home=tmp_path / "home")
    assert (ended, f"expected {'0' * 64} as the hub says" in told, "Traceback" in told) == (2, True, False)
    assert files(top) == before


def test_a_transfer_that_breaks_is_taken_up_where_it_broke(hub, tmp_path):
    data = random.Random(0).randbytes(25_000_000)  # the client keeps what it has by ten megabytes
    hub.publish(data)
    hub.cut_at = 15_000_000
    ended, told = hub.run("-c", DOWNLOAD, "main", home=tmp_path)
    assert ended == 0, told
    assert hub.files() == [(hub.file, None), (hub.file, "bytes=10485760-")]
    (path,) = [line for line in told.splitlines() if line.endswith(hub.file)]
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
def test_the_licence_is_shown_before_the_file_is_asked_for(hub, tmp_path, card, line):
    hub.publish(b"anything")
    hub.card = card
    ended, told = hub.run("-c", DOWNLOAD.replace("print(*hub.download", "sys.exit(0) #"), "main", home=tmp_path)
    assert (ended, told.strip()) == (0, line.format(hub.repository))
    assert hub.asked("resolve") == []


NOT_THERE = {"X-Error-Code": "RepoNotFound"}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((401, NOT_THERE), "is not there, or is private; check HF_ENDPOINT and HF_TOKEN"),
        ((403, {"X-Error-Code": "GatedRepo"}), "is gated; accept its terms at https://huggingface.co/TencentARC"),
        ((500, {}), "could not get the list of its files (HfHubHTTPError: Server error '500"),
    ],
)
def test_what_the_hub_refuses_is_told_in_one_line(hub, tmp_path, answer, words):
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
def test_a_file_that_the_hub_refuses_though_it_tells_of_it_is_told(hub, tmp_path, answer, words):
    hub.publish(b"anything")
    hub.answer, hub.refuses = answer, "/resolve/"
    refused(hub, tmp_path, words)


def test_a_revision_that_is_gone_is_told(hub, tmp_path):
    hub.publish(b"anything")
    refused(hub, tmp_path, "no longer has the revision that was asked for", "0" * 40)


def test_a_file_that_is_gone_is_told(hub, tmp_path):
    hub.publish({"another.ckpt": b"anything"})
    refused(hub, tmp_path, f"has no {open_magvit2.FILE}")


def test_no_network_is_told(hub, tmp_path):
    refused(hub, tmp_path, "(ConnectError: ", HF_ENDPOINT="http://127.0.0.1:9")


def test_a_hub_that_may_not_be_asked_is_told(hub, tmp_path):
    refused(hub, tmp_path, "was not asked, since HF_HUB_OFFLINE is set; unset it", HF_HUB_OFFLINE="1")
    assert hub.log == []


def test_a_full_disk_is_told(hub, tmp_path):
    hub.publish(bytes(1000))
    full = """
import errno, huggingface_hub
def download(*arguments, **options): raise OSError(errno.ENOSPC, "No space left on device")
huggingface_hub.hf_hub_download = download
"""
    refused(hub, tmp_path, f"no room for {hub.file} in {tmp_path}/hub; make some", code=full + DOWNLOAD)


def refused(hub, home, words, revision="main", code=DOWNLOAD, **variables):
    ended, told = hub.run("-c", code, revision, home=home, **variables)
    (line,) = [line for line in told.splitlines() if not line.startswith("licence: ")]
    assert ended == 1
    assert line.startswith(f"refused: {hub.repository}")
    assert words in line
    assert "give it with --from" in line or "no room" in line
