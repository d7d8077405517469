"""A folder as transformers saves one: its configuration, and its weights, complete or refused.

transformers itself only logs a tensor that is missing, unused or under a wrong prefix, fills it with random numbers and
goes on; of damaged values it says nothing. Here each of these is an error, and the cause comes before its effects.
"""

import contextlib
import hashlib
import io
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, cast

import torch
import transformers
from msgspec import Meta
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from transformers import PreTrainedConfig, PreTrainedModel

from trajprobe.backbones.parts import model_settings
from trajprobe.backbones.weights import MODEL, PROVENANCE, provenance, recorded_digest
from trajprobe.errors import UserError, visible, visible_name, visible_names
from trajprobe.files.reading import read_json
from trajprobe.params import parse

CONFIG = "config.json"
#: Of names of tensors; the empty one would be that of all.
Prefix = Annotated[str, Meta(min_length=1)]


def load(kind: type[PreTrainedModel], folder: Path) -> tuple[PreTrainedModel, str]:
    """The model of class `kind` in `folder`, in evaluation mode and without gradients, and the sha256 of its file.

    The class may leave those tensors unused whose names begin with a prefix in `unexpected` of provenance.json.

    Raises:
        UserError: the file is damaged or not the recorded one; a tensor is missing, unused, of another shape, not from
            the file, or not finite.
    """
    path, recorded = folder / MODEL, provenance(folder)
    digest = recorded_digest(folder)
    try:
        tensors = load_file(path)  # mapped, not read
    except SafetensorError as error:
        raise UserError(f"{path}: is no safetensors file ({error}); get it again") from None
    config = _config(kind, folder)
    try:
        with _silence():
            loaded: Any = kind.from_pretrained(
                folder,
                config=config,
                dtype=torch.float32,
                local_files_only=True,
                use_safetensors=True,
                ignore_mismatched_sizes=True,  # refused below, by name
                output_loading_info=True,
            )
    except Exception as error:  # noqa: BLE001 (a configuration that makes no network can fail in any way)
        raise UserError(
            f"{path}: transformers could not load it ({first_line(error)}); does {CONFIG} belong to it?"
        ) from None
    model, info = cast(tuple[PreTrainedModel, dict[str, Any]], loaded)
    allowed = parse(recorded.get("unexpected", []), list[Prefix], f"{folder / PROVENANCE}: `unexpected`")
    _check_names(info, tensors, allowed, path)
    _check_values(model.state_dict(), tensors, path)
    model.train(mode=False).requires_grad_(requires_grad=False)
    return model, digest


def config_of(kind: type[PreTrainedModel], folder: Path) -> dict[str, Any]:
    """Keys of the configuration of a `kind` in `folder` that do not have the class's default.

    Keys that all configurations have (labels and the like), or that the class does not have, are left out.

    Raises:
        UserError: config.json is missing or can't be used.
    """
    return settings(_config(kind, folder))


def settings(config: PreTrainedConfig) -> dict[str, Any]:
    """Keys of a configuration that shape the network: neither the class's default, nor a consequence of other keys."""
    kind = type(config)
    default = kind().to_dict()
    own = default.keys() - PreTrainedConfig().to_dict().keys()
    keys = {key: value for key, value in config.to_dict().items() if key in own and value != default[key]}
    for key in list(keys):
        rest = {other: value for other, value in keys.items() if other != key}
        with contextlib.suppress(Exception):  # without this key they may be no valid configuration
            keys = rest if kind(**rest).to_dict()[key] == keys[key] else keys
    return keys


def _config(kind: type[PreTrainedModel], folder: Path) -> PreTrainedConfig:
    """A new configuration for each network, since transformers writes into them."""
    path = folder / CONFIG
    _check_type(kind, path)
    try:
        model_settings.check_settings(read_table(path))
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None
    try:
        with _silence():
            config: PreTrainedConfig = cast(Any, kind.config_class).from_pretrained(folder, local_files_only=True)
    except Exception as error:  # noqa: BLE001 (a configuration's values can be wrong in any way)
        raise UserError(f"{path}: is no configuration of a {kind.__name__} ({first_line(error)})") from None
    try:
        model_settings.check_extent(config)
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None
    return model_settings.with_attention(config, kind)


def _check_type(kind: type[PreTrainedModel], path: Path) -> None:
    """Refuses the configuration of another kind of model, of which transformers would take the keys that it has too."""
    model_type, expected = read_table(path).get("model_type"), kind.config_class
    mapping: Any = transformers.CONFIG_MAPPING  # lazy, unlike its `get`
    is_named = isinstance(model_type, str) and model_type in mapping
    config_class = mapping[model_type] if is_named else None
    has_it = config_class is expected or expected in getattr(config_class, "sub_configs", {}).values()
    if model_type and not has_it:
        raise UserError(
            f"{path}: got a model of type {visible_name(model_type)}, expected "
            f"{expected.model_type if expected else None}, which a {kind.__name__} is; give another folder, or name "
            "another class"
        )


def read_table(path: Path) -> dict[str, Any]:
    """A JSON table of the folder.

    Raises:
        UserError: it is not there, or is none.
    """
    table = read_json(path, f"is not there; `dvc pull {path.parent}` brings it", "get it again")
    if not isinstance(table, dict):
        raise UserError(f"{path}: is no JSON table; get it again")
    return table


def _check_names(info: Mapping[str, Any], tensors: Collection[str], allowed: Collection[str], path: Path) -> None:
    """Refuses what transformers only logs (`info`); `allowed` are prefixes of tensors that the class may not use."""
    missing = set(info["missing_keys"])
    extra = {key for key in info["unexpected_keys"] if not key.startswith(tuple(allowed))}
    if missing and extra and len(extra) == len(tensors):
        reason = "the class has no tensor of any of these names: another prefix, or another model"
    elif missing and extra:
        reason = (
            f"transformers {transformers.__version__} does not know these names; another version may, or another class"
        )
    elif missing:
        reason = "another model's file, or an incomplete one"
    else:
        classes = read_table(path.parent / CONFIG).get("architectures")
        saved = "name another class, or"
        if isinstance(classes, list) and classes:
            saved = f"it was saved as a {visible_name(classes[0])}: name that class, or else"
        prefixes = visible_names(sorted({key.partition(".")[0] + "." * ("." in key) for key in extra}))
        reason = f"{saved} drop them with `unexpected: [{prefixes}]` in its row"
    for keys, kind in ((missing, "missing"), (extra, "of no use to the class")):
        if keys:
            others = f", and {len(extra)} of no use to it ({visible_names(sorted(extra), 3)})"
            both = others if kind == "missing" and extra else ""
            raise UserError(f"{path}: {_count(keys)} {kind} ({visible_names(sorted(keys), 3)}){both}; {reason}")
    if mismatched := info["mismatched_keys"]:
        name, got, expected = sorted(mismatched)[0]
        raise UserError(
            f"{path}: {_count(mismatched)} of another shape: got {name} {tuple(got)}, expected {tuple(expected)}; "
            f"does {path.parent / CONFIG} belong to this file?"
        )
    if errors := info["error_msgs"]:
        raise UserError(f"{path}: transformers could not load it ({visible(' '.join(str(errors[0]).split()), 200)})")


def _check_values(loaded: Mapping[str, Tensor], tensors: Mapping[str, Tensor], path: Path) -> None:
    """Refuses tensors whose values are not in the file, or not as many times, or not finite."""
    in_file = Counter(_fingerprint(tensor) for tensor in tensors.values())
    for name, tensor in loaded.items():
        if tensor.is_meta:
            raise UserError(f"{path}: {name} was not loaded; another model's file?")
        fingerprint = _fingerprint(tensor)
        if not in_file[fingerprint]:
            raise UserError(
                f"{path}: {name} {tuple(tensor.shape)} was loaded, but no tensor of the file has its values"
            )
        in_file[fingerprint] -= 1
        if tensor.is_floating_point() and not torch.stack(torch.aminmax(tensor)).isfinite().all():
            raise UserError(f"{path}: {name} has a value that is not finite; the training or the copy went wrong")


def _fingerprint(tensor: Tensor) -> tuple[tuple[int, ...], bytes]:
    """Whether it is floating-point, its shape, and a hash of its values as float32."""
    values = tensor.detach().to(torch.float32).contiguous().numpy()
    return (tensor.is_floating_point(), *tensor.shape), hashlib.sha256(values.data).digest()


def _count(keys: Collection[Any]) -> str:
    return f"{len(keys)} tensor{'s' * (len(keys) != 1)}"


def first_line(error: Exception) -> str:
    """The first line of what an error says."""
    return visible((str(error).strip().splitlines() or [type(error).__name__])[0], 200)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Silences transformers' report of what it loaded: here the same is an error."""
    logging: Any = transformers.utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
