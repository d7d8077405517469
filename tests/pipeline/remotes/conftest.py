"""Remotes that the tests start themselves, each on a free loopback port; and a laptop that has git's files alone."""

import getpass
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from flips import flip, flipped

#: An S3 server that is there already (with the usual AWS_* variables for its keys), in place of moto's.
S3_ENDPOINT = "TRAJPROBE_TEST_S3_ENDPOINT"


@pytest.fixture
def laptop(reproduced, tmp_path):
    """A clone with a cache of its own and nothing in it."""
    return reproduced.clone(tmp_path / "laptop")


@pytest.fixture(scope="session")
def pushed(reproduced, tmp_path_factory):
    """A folder to which all was pushed."""
    folder = tmp_path_factory.mktemp("pushed")
    whole = reproduced.clone(folder / "clone", reproduced.cache)  # other workers have remotes of their own
    assert whole.trajprobe("remote", "add", folder / "store")[0] == 0
    assert whole.trajprobe("push")[0] == 0
    return folder / "store"


@pytest.fixture
def stocked(pushed, laptop, tmp_path):
    """The laptop, with a remote of its own that has all that is pushed; `.store` is its folder."""
    laptop.store = tmp_path / "store"
    shutil.copytree(pushed, laptop.store)
    assert laptop.trajprobe("remote", "add", laptop.store)[0] == 0
    return laptop


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, server):
    for _ in range(300):
        assert server.poll() is None, server.communicate()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail(f"no server on port {port} after 30 s")


@pytest.fixture
def ssh(tmp_path):
    """The address of an sshd's folder, what DVC is to know beside it, and what flips a bit of a file there."""
    sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if not sshd:
        pytest.skip("no sshd here; `apt-get install openssh-server` brings it")
    folder = tmp_path / "sshd"
    folder.mkdir()
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where root's sshd parts with its privileges
    port = free_port()
    (folder / "config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/user.pub\n"
        f"PidFile {folder}/pid\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\n"
        "Subsystem sftp internal-sftp\n"
    )
    server = subprocess.Popen(
        [sshd, "-D", "-e", "-f", folder / "config"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    wait_for(port, server)
    url = f"ssh://{getpass.getuser()}@127.0.0.1:{port}{tmp_path}/far"
    yield url, {"keyfile": str(folder / "user")}, lambda name: flip(tmp_path / "far" / name)
    stop(server)


@pytest.fixture
def s3(tmp_path, monkeypatch):
    """A new bucket's address, what DVC is to know beside it, and what flips a bit of an object there."""
    import botocore.session

    endpoint, server = os.environ.get(S3_ENDPOINT), None
    if not endpoint:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        port = free_port()
        endpoint = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(port, server)
    bucket = f"trajprobe-{os.getpid()}-{time.time_ns()}"
    client = botocore.session.get_session().create_client("s3", endpoint_url=endpoint)
    client.create_bucket(Bucket=bucket)

    def flip_there(name):
        data = client.get_object(Bucket=bucket, Key=f"far/{name}")["Body"].read()
        client.put_object(Bucket=bucket, Key=f"far/{name}", Body=flipped(data))

    yield f"s3://{bucket}/far", {"endpointurl": endpoint}, flip_there
    client.close()
    if server:
        stop(server)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *told):
        pass


@pytest.fixture
def http(stocked):
    """The address at which the stocked remote is to be read, and no more."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(stocked.store)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def stop(server):
    server.terminate()
    server.communicate(timeout=20)
