"""The two lines of params.yaml that use published weights, to be pasted."""

from collections.abc import Mapping
from io import StringIO
from typing import Any

from ruamel.yaml import YAML

#: What stands above them.
USED_BY = "used by these lines of params.yaml, under `rows` and `clips`:"


def params_lines(
    weights: str, family: str, frames: int, resolution: int, architecture: Mapping[str, Any], **others: str
) -> tuple[str, str]:
    """A row that runs `weights`, and the format of its clips.

    Args:
        weights: their name, which is the row's name too.
        family: the family of the network.
        frames: number of frames of a clip.
        resolution: side of a frame, in pixels.
        architecture: what differs from the default of the family.
        others: further parameters of the row.
    """
    clips = f"t{frames}x{resolution}"
    row: dict[str, Any] = {"family": family, "clips": clips, "weights": weights, "like": weights}
    if architecture:
        row["architecture"] = dict(architecture)
    return _flow({weights: row | others}), _flow({clips: {"frames": frames, "resolution": resolution}})


def _flow(value: Mapping[str, Any]) -> str:
    yaml, text = YAML(typ="safe", pure=True), StringIO()
    for option, choice in (("default_flow_style", True), ("width", 10**6), ("sort_base_mapping_type_on_output", False)):
        setattr(yaml, option, choice)
    yaml.dump(value, text)
    return text.getvalue().strip()[1:-1]  # without the braces around all of it
