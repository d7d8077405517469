"""Real pushes and pulls: to a folder, over SSH, over S3's protocol, and from a read-only web server."""

import shutil

import pytest
from flips import LABELLING, SHARD, flip, place

#: Of weights what git keeps, none and random; of scenes its README.
PULLED = {"features", "pictures", "report", "results", "scenes", "shared_code.txt", "trajectories", "weights"}


def there(laptop):
    return {path.name for path in (laptop.folder / "data").iterdir()}


def pulled(laptop):
    """Pulls; nothing is run, and nothing more is fetched than a laptop needs."""
    status, told = laptop.trajprobe("pull")
    assert status == 0, told
    assert "Running stage" not in told
    assert there(laptop) == PULLED
    fetched = {path.name for path in (laptop.folder / "data/trajectories").iterdir()}
    assert fetched - {".gitignore"} == {"guards.json", "labelling.npz"}
    assert laptop.git("status", "--porcelain") == ""
    assert (laptop.folder / "data/report/table.md").read_text().startswith("Data set")


def found(laptop, flip, url, file, clone):
    """A pull is refused over a flipped bit, which is told with its file and its place, until it is flipped back."""
    name = place(clone, file)
    flip(name)
    assert f"{url}/{name}" in refused(laptop, f"{file}: damaged on the remote (md5 differs)", "pull")
    assert not (laptop.folder / file).exists()
    flip(name)


def test_a_folder(stocked):
    pulled(stocked)
    objects = [path for path in stocked.store.rglob("*") if path.is_file()]
    clips = [out["md5"] for out in stocked.lock()["render@t17"]["outs"] if out["path"] == "data/clips/t17"]
    assert len(clips) == 1
    assert not [path for path in objects if (path.parent.name + path.name) in clips]


@pytest.mark.parametrize("kind", ["ssh", "s3"])
def test_a_server(clone, laptop, kind, request):
    url, options, flip = request.getfixturevalue(kind)
    for repository in (clone, laptop):
        endpoint = [f"--endpoint={options['endpointurl']}"] if kind == "s3" else []
        status, told = repository.trajprobe("remote", "add", url, *endpoint)
        assert (status, "verify = true" in told) == (0, True), told
        if kind == "ssh":
            repository.run("dvc", "remote", "modify", "--local", "store", "keyfile", options["keyfile"])
    status, told = clone.trajprobe("push")
    assert (status, f"{url} has it all" in told) == (0, True), told
    found(laptop, flip, url, SHARD, clone)
    pulled(laptop)
    assert "endpointurl" not in (laptop.folder / ".dvc/config").read_text()


def test_a_read_only_web_server(stocked, http, reproduced):
    assert "read-only" in stocked.trajprobe("remote", "add", http)[1]
    found(stocked, lambda name: flip(stocked.store / name), http, LABELLING, reproduced)
    pulled(stocked)


def test_a_relative_folder_is_relative_to_where_the_user_stands(stocked, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    status, told = stocked.trajprobe("remote", "add", "../store", "--from", tmp_path / "elsewhere")
    assert (status, str(stocked.store) in told) == (0, True)
    stocked.run("dvc", "pull", LABELLING)


@pytest.mark.parametrize("command", ["push", "pull"])
def test_make_hands_on_the_remote_and_the_place(stocked, tmp_path, command):
    (tmp_path / "elsewhere").mkdir()
    shown = stocked.run(
        "bash", "-c", f"cd {tmp_path}/elsewhere && make --dry-run -C {stocked.folder} {command} REMOTE=../store"
    )
    assert f"trajprobe remote add '../store' --from '{tmp_path}/elsewhere'\ntrajprobe {command}\n" in shown
    assert "remote add" not in stocked.run("make", "--dry-run", command)


@pytest.mark.parametrize("command", ["push", "pull"])
def test_without_a_remote_one_line_says_what_to_do(laptop, command):
    refused(laptop, f"run `make {command} REMOTE=URL`", command)


def test_a_remote_that_is_not_verified_is_refused(stocked):
    stocked.run("dvc", "remote", "modify", "--local", "store", "verify", "false")
    refused(stocked, "run `dvc remote modify store verify true`", "pull")


def test_a_remote_that_lacks_something_is_told(stocked):
    for path in list((stocked.store / "files/md5").glob("*/*"))[::2]:
        path.unlink()
    refused(stocked, "lacks files that dvc.lock names", "pull")
    shutil.rmtree(stocked.store)
    refused(stocked, f"{stocked.store}: there is no such folder; mount it", "pull")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://host/path", "expected a folder or an address of ssh://"),
        ("s3:///path", "expected a folder or an address of ssh://"),
        ("ssh://me:hush@host/path", "got a password in ssh://me:...@host/path"),
        ("http://[host/path", "no address"),
    ],
)
def test_an_address_that_will_not_do_is_refused(laptop, url, words):
    before = (laptop.folder / ".dvc/config").read_text()
    told = refused(laptop, words, "remote", "add", url)
    assert "hush" not in told
    assert (laptop.folder / ".dvc/config").read_text() == before
    assert not (laptop.folder / ".dvc/config.local").exists()


def test_an_endpoint_without_s3_is_refused(laptop, tmp_path):
    told = refused(laptop, "--endpoint: got", "remote", "add", tmp_path, "--endpoint", "http://127.0.0.1:1")
    assert f"with {tmp_path}, expected it with s3://BUCKET/PATH; leave it out" in told


def refused(repository, words, *arguments):
    status, told = repository.trajprobe(*arguments)
    assert status == 2, told
    assert len(told.strip().splitlines()) == 1, told
    assert words in told
    return told
