"""A hub that stalls, or sends a byte now and then, is given up after a stated time."""

import socket
import threading
import time

import huggingface_hub
import pytest

from trajprobe.errors import UserError
from trajprobe.published import hub, source_open_magvit2
from trajprobe.published.watch import Bytes, TransferTooSlow, watched


@pytest.fixture
def slow_server():
    """A server that accepts, and then sends a byte of an answer every 20 ms; its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.1)
    ended = threading.Event()
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\nX-Repo-Commit: " + b"0" * 40 + b"\r\n\r\n" + b"{" * 99_000

    def drip(connection):
        with connection:
            try:
                for byte in answer:
                    if ended.wait(0.02):
                        return
                    connection.send(bytes([byte]))
            except OSError:
                return

    def serve():
        threads = []
        while not ended.is_set():
            try:
                threads.append(threading.Thread(target=drip, args=(listener.accept()[0],)))
            except TimeoutError:
                continue
            threads[-1].start()
        for thread in threads:
            thread.join()

    server = threading.Thread(target=serve)
    server.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    ended.set()
    server.join()
    listener.close()


@pytest.mark.parametrize("step", ["look up", "download"])
def test_a_hub_that_drips_is_given_up_after_the_stated_time(slow_server, monkeypatch, step, tmp_path):
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", slow_server)
    template = f"{slow_server}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(hub, "LOOK_UP", 0.6)
    monkeypatch.setattr(hub, "WINDOW", 0.6)
    repository = source_open_magvit2.hub_repository("open-magvit2")
    release = hub.Release(repository.repo_id, ("video.ckpt",), "0" * 40, {}, None)
    begun = time.monotonic()
    with pytest.raises(UserError, match=r"sends .* too slowly, so that it was given up; try again later; or download"):
        hub.look_up(repository, "main") if step == "look up" else hub.download(release)
    assert 0.6 <= time.monotonic() - begun < 5


def test_a_transfer_that_goes_on_takes_as_long_as_it_takes():
    received = Bytes()
    bar = received.bar()(total=40, disable=True)

    def transfer():
        for _ in range(4):
            time.sleep(0.05)
            bar.update(10)
        return "file"

    assert watched(transfer, received, seconds=0.12, least=10) == "file"
    assert received.count == 40


def test_too_few_bytes_in_a_window_end_it_with_both_numbers():
    received, go_on = Bytes(), threading.Event()
    received.count = 5
    with pytest.raises(TransferTooSlow, match=r"^0 bytes came in 0.05 s, fewer than 1,000$"):
        watched(go_on.wait, received, seconds=0.05, least=1000)
    go_on.set()


def test_an_error_of_the_transfer_is_raised_as_it_is():
    with pytest.raises(ZeroDivisionError):
        watched(lambda: 1 / 0, Bytes(), seconds=5, least=1)
