"""Flips a bit of what DVC keeps, where it keeps it."""

import hashlib

SHARD = "data/features/noise/none/plain/features/00000.safetensors"
LABELLING = "data/trajectories/labelling.npz"


def place(repository, file):
    """What a cache or a remote calls `file` of a repository."""
    md5 = hashlib.md5((repository.folder / file).read_bytes()).hexdigest()
    return f"files/md5/{md5[:2]}/{md5[2:]}"


def flipped(data):
    at = len(data) // 2
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def flip(path):
    data = flipped(path.read_bytes())
    path.chmod(0o644)
    path.write_bytes(data)
    path.chmod(0o444)  # as DVC leaves it, which is why DVC trusts it
