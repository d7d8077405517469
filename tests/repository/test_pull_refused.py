"""Why nothing was pulled is said as it is, not as something else that may be wrong."""

import subprocess

import pytest

from trajprobe.errors import UserError
from trajprobe.repository import pull


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            "failed to pull data from the cloud - Can't remove the following unsaved files without confirmation. Use "
            "`--force` to force.\n{here}/data/a b.json\n{here}/data/c.json\n",
            "data/a b.json, data/c.json: changed here, and DVC has no copy of it; move it to another folder, then pull",
        ),
        (
            "failed to pull data from the cloud - Unable to acquire lock. Most likely another DVC process is running",
            "another process of DVC runs in this repository; try again when it has ended",
        ),
        (
            "failed to pull data from the cloud - Checkout failed for following targets:\ndata/a\nIs your cache up",
            "ssh://far: lacks files that dvc.lock names \\(failed to .*\\); run `make push` on the",
        ),
        (
            "unexpected error - Permission denied (publickey)\n\nHaving any troubles? Hit us up\n",
            "ssh://far: can't be reached, or refuses: Permission denied \\(publickey\\); correct that and try again$",
        ),
        (
            "failed to connect to ssh (/far/files/md5) - [Errno 111] Connect call failed ('127.0.0.1', 1)\n"
            "ERROR: failed to pull data from the cloud - 1 files failed to download",
            "ssh://far: can't be reached, or refuses: .Errno 111. Connect call failed",
        ),
        (
            "failed to transfer 'ab12' - [Errno 2] No such file or directory: '/far/ab/12'\n"
            "ERROR: failed to pull data from the cloud - 1 files failed to download",
            "ssh://far: lacks files that dvc.lock names",
        ),
    ],
)
def test_a_refused_pull_is_said_with_its_reason(message, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = subprocess.CompletedProcess([], 1, "", f"Collecting\nERROR: {message.format(here=tmp_path)}")
    monkeypatch.setattr(pull, "run_dvc", lambda *_: done)
    with pytest.raises(UserError, match=f"^{expected}"):
        pull._fetch(["data/a"], "ssh://far")
