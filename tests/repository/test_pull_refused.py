"""Why nothing was pulled is said as it is, not as something else that may be wrong."""

import subprocess

import pytest

from trajprobe.errors import UserError
from trajprobe.repository import remotes


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
            "another process of DVC runs in this repository; pull again when it has ended",
        ),
        (
            "failed to pull data from the cloud - Checkout failed for following targets:\ndata/a\nIs your cache up",
            "/remote: lacks files that dvc.lock names \\(failed to .*\\); run `dvc push` on the machine that made them",
        ),
        ("unexpected error - Permission denied (publickey)", "/remote: unexpected error - Permission denied"),
    ],
)
def test_a_refused_pull_is_said_with_its_reason(message, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = subprocess.CompletedProcess([], 1, "", f"Collecting\nERROR: {message.format(here=tmp_path)}")
    monkeypatch.setattr(remotes, "run_dvc", lambda *_: done)
    with pytest.raises(UserError, match=f"^{expected}"):
        remotes._fetch(["data/a"], "/remote")
