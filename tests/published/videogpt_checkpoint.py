"""A checkpoint of a tiny VQ-VAE of VideoGPT, random, in the layout of Lightning 1.x and made without Lightning.

python tests/published/videogpt_checkpoint.py FILE
"""

import argparse
import json
import math
import sys
from collections import OrderedDict
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import numpy as np
import torch

#: [name, shape, type] of each entry, as upstream's code makes it with `TINY`.
LAYOUT = json.loads((Path(__file__).parent / "videogpt_155_keys.json").read_text())
TINY = {"n_hiddens": 16, "n_res_layers": 2, "embedding_dim": 8, "n_codes": 32, "downsample": [4, 2, 2]}
CLIPS = {"sequence_length": 8, "resolution": 16}
#: What a file of `save` names that torch does not know.
FOREIGN = [
    "argparse.Namespace",
    "numpy._core.multiarray.scalar",
    "numpy.dtype",
    "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint",
    "pytorch_lightning.utilities.argparse_utils._gpus_arg_default",
]


class ModelCheckpoint:
    pass


class AttributeDict(dict):
    pass


def _gpus_arg_default(x):
    return x


@contextmanager
def lightning():
    """Has the modules of Lightning that a checkpoint names, with what it names of them, and nothing else."""
    modules = {}
    for module, thing in (
        ("callbacks.model_checkpoint", ModelCheckpoint),
        ("utilities.argparse_utils", _gpus_arg_default),
        ("utilities.parsing", AttributeDict),
    ):
        dotted = f"pytorch_lightning.{module}"
        parts = dotted.split(".")
        for end in range(1, len(parts) + 1):
            modules.setdefault(name := ".".join(parts[:end]), ModuleType(name))
        setattr(modules[dotted], thing.__name__, thing)
        thing.__module__ = dotted
    with patch.dict(sys.modules, modules):
        yield


def state(seed=0):
    """Random entries, as large as those of a trained network."""
    generator = torch.Generator().manual_seed(seed)
    return OrderedDict((name, _entry(name, shape, kind, generator)) for name, shape, kind in LAYOUT)


def _entry(name, shape, kind, generator):
    if kind == "int64":
        return torch.tensor(20000)
    value = torch.randn(shape, generator=generator) / math.sqrt(math.prod(shape[1:]))
    return value.abs() + 0.5 if name.endswith(("running_var", "codebook.N")) else value


def save(path, entries=None, extra=None, table=dict, **args):
    """Writes a checkpoint to `path`: `args` are hyper-parameters beside the tiny ones, None leaves one out."""
    entries = state() if entries is None else entries
    everything = TINY | CLIPS | {"batch_size": 32, "data_path": "bair.hdf5", "gpus": _gpus_arg_default} | args
    namespace = argparse.Namespace(**{name: value for name, value in everything.items() if value is not None})
    first = next(iter(entries.values()), None)
    checkpoint = {
        "epoch": 3,
        "global_step": 20000,
        "pytorch-lightning_version": "1.1.4",
        "callbacks": {ModelCheckpoint: {"best_model_score": np.float64(0.25), "best_model_path": "epoch=3.ckpt"}},
        "optimizer_states": [{"state": {0: {"step": 20000, "exp_avg": first}}, "param_groups": [{"lr": 7e-4}]}],
        "lr_schedulers": [],
        "state_dict": entries,
        "hparams_name": "args",
        "hyper_parameters": table({"args": namespace}),
    }
    with lightning():
        torch.save(checkpoint | (extra or {}), path)
    return path


if __name__ == "__main__":
    save(Path(sys.argv[1]))
