"""Empty repositories to add weights to, and a small hub on this machine."""

import hashlib
import json
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest
import shrunk
import torch
import warm_python

from trajprobe.cli import main
from trajprobe.published import source_open_magvit2


@pytest.fixture
def top(tmp_path, monkeypatch):
    """An empty current folder that looks like the root of a repository. DVC would refuse to work there."""
    folder = tmp_path / "top"
    (folder / ".dvc").mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="session")
def empty_repository(tmp_path_factory):
    folder = tmp_path_factory.mktemp("empty")
    for command in (["git", "init", "--quiet"], [sys.executable, "-m", "dvc", "init", "--quiet"]):
        subprocess.run(command, cwd=folder, check=True)
    return folder


@pytest.fixture
def repository(top, empty_repository):
    """An empty current folder that is the root of a repository of git and DVC."""
    return shutil.copytree(empty_repository, top, dirs_exist_ok=True)


def contents(folder):
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.fixture
def files():
    """A function: the content of all files in a folder, by path."""
    return contents


@pytest.fixture
def small(monkeypatch):
    """Shrinks Open-MAGVIT2: all its tensors, each axis at most 2 long."""
    monkeypatch.setattr(source_open_magvit2, "expected_tensors", shrunk.expected)


@pytest.fixture
def save(tmp_path):
    """Writes a Lightning checkpoint; returns its path."""

    def write(state, name="video.ckpt"):
        torch.save({"epoch": 1, "global_step": 2, "state_dict": state}, tmp_path / name)
        return tmp_path / name

    return write


@pytest.fixture
def add(capsys):
    """Runs `trajprobe weights add open-magvit2`; returns its exit status and what it printed."""

    def run(*arguments, name="open-magvit2"):
        try:
            main(["weights", "add", name, *map(str, arguments)])
        except SystemExit as end:
            return end.code, "".join(capsys.readouterr())
        return 0, "".join(capsys.readouterr())

    return run


@pytest.fixture
def refused(add, top):
    """Runs `weights add` and expects a refusal: `lines` lines, one an error, with all of `words`, and no file left."""

    def run(*arguments, words, lines=1, **options):
        before = contents(top)
        status, output = add(*arguments, **options)
        printed = output.strip().splitlines()
        assert (status, len(printed)) == (2, lines), output
        assert sum(line.startswith("trajprobe: error: ") for line in printed) == 1
        assert [word for word in words if word not in output] == [], output
        assert contents(top) == before

    return run


class Hub(ThreadingHTTPServer):
    """A hub with one repository. It has the commits of `versions`, of which the last is main."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.repository, self.file = source_open_magvit2.REPOSITORY, source_open_magvit2.FILE
        self.versions = {}  #: files, by name, of each commit
        self.refs = {}  #: commits, by name, beside main
        self.card = {"license": "apache-2.0"}
        self.log = []  #: method, path and Range of each request
        self.cut_at = None  #: the next GET of a large file ends after so many bytes
        self.stated = None  #: the sha256 that the hub says a large file has, if it is not the truth
        self.answer = None  #: status and headers with which every request is refused whose path has `refuses` in it
        self.refuses = ""

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"

    def publish(self, data):
        """Adds a commit of `data`, files by name or the bytes of `file`; returns the commit's name."""
        files = data if isinstance(data, dict) else {self.file: data}
        commit = hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()
        self.versions[commit] = files
        return commit

    def asked(self, what):
        """The revisions of the requests, for files (`resolve`) or for the repository (`revision`)."""
        return [path.split(f"/{what}/")[1].split("/")[0] for _, path, _ in self.log if f"/{what}/" in path]

    def files(self, method="GET"):
        """The file name and the Range of each request for a file."""
        return [
            (path.rpartition("/")[2], part) for asked, path, part in self.log if "/resolve/" in path and asked == method
        ]

    def environment(self, home):
        """The variables of a process that uses this hub, with its cache at `home`."""
        kept = {key: value for key, value in warm_python.environment().items() if not key.upper().endswith("_PROXY")}
        kept.pop("HF_TOKEN", None)
        return kept | {"HF_ENDPOINT": self.address, "HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1"}

    def add(self, *arguments, home):
        """Runs `weights add open-magvit2`, shrunk, in another process; returns its status and its output."""
        return self.run(Path(shrunk.__file__), "weights", "add", "open-magvit2", *arguments, home=home)

    def trajprobe(self, *arguments, home):
        """Runs any command in another process; returns its status and its output."""
        return self.run("-c", "from trajprobe.cli import main; main()", *arguments, home=home)

    def run(self, *command, home, **variables):
        done = subprocess.run(
            ["python", *command],
            env=self.environment(home) | variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return done.returncode, done.stdout + done.stderr


def large(name):
    """Whether the hub keeps a file of that name with git LFS, and so knows its sha256."""
    return not name.endswith(".json")


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of huggingface_hub."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.respond(with_body=False)

    def do_GET(self):
        self.respond(with_body=True)

    def respond(self, with_body):
        hub, path = self.server, self.path.partition("?")[0]
        hub.log.append((self.command, path, self.headers.get("Range")))
        if hub.answer and hub.refuses in path:
            status, headers = hub.answer
            return self.send(status, headers, b"", with_body)
        api, resolve = f"/api/models/{hub.repository}/revision/", f"/{hub.repository}/resolve/"
        revision, _, name = path.removeprefix(api).removeprefix(resolve).partition("/")
        asked = unquote(revision)
        commit = list(hub.versions)[-1] if asked == "main" else hub.refs.get(asked, asked)
        if commit not in hub.versions:
            return self.send(404, {"X-Error-Code": "RevisionNotFound"}, b"", with_body)
        files = hub.versions[commit]
        if path == api + revision:
            siblings = [self.described(*each) for each in files.items()]
            description = {"id": hub.repository, "sha": commit, "siblings": siblings, "cardData": hub.card}
            return self.send(200, {"Content-Type": "application/json"}, json.dumps(description).encode(), with_body)
        if path.startswith(resolve) and name in files:
            data = files[name]
            etag = f'"{self.digest(data) if large(name) else hashlib.sha1(data).hexdigest()}"'
            headers = {"X-Repo-Commit": commit, "ETag": etag, "X-Linked-Size": str(len(data))}
            return self.send_file(headers | ({"X-Linked-Etag": etag} if large(name) else {}), data, with_body, name)
        return self.send(404, {"X-Error-Code": "EntryNotFound"}, b"", with_body)

    def digest(self, data):
        return self.server.stated or hashlib.sha256(data).hexdigest()

    def described(self, name, data):
        description = {"rfilename": name, "size": len(data)}
        if large(name):
            description["lfs"] = {"size": len(data), "sha256": self.digest(data), "pointerSize": 9}
        return description

    def send_file(self, headers, data, with_body, name):
        asked = self.headers.get("Range")
        start = int(asked.removeprefix("bytes=").partition("-")[0]) if asked else 0
        if asked:
            headers = headers | {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
        cut = None
        if with_body and large(name):
            cut, self.server.cut_at = self.server.cut_at, None
        self.send(206 if asked else 200, headers, data[start:], with_body, cut)

    def send(self, status, headers, body, with_body, cut=None):
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body[:cut])
        if cut is not None:
            self.close_connection = True

    def log_message(self, *arguments):
        """Logs nothing on the terminal."""


@pytest.fixture
def hub():
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
