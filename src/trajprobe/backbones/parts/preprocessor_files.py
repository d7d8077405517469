"""The preprocessing that a folder of transformers states: what is not stated is not guessed, for no default is safe."""

from pathlib import Path
from typing import Any

from trajprobe.backbones.parts.pixel_values import Pixels
from trajprobe.backbones.parts.transformers_files import read_table
from trajprobe.errors import UserError, visible_name
from trajprobe.params import parse

#: Files that say what the preprocessing is; of a folder with both, the first counts.
PREPROCESSORS = ("video_preprocessor_config.json", "preprocessor_config.json")
#: PIL's numbers for its filters.
RESAMPLES = {2: "bilinear", 3: "bicubic"}
#: What is done here, and what changes nothing in clips as they are rendered. Other steps are refused.
STEPS = ("do_resize", "do_center_crop", "do_rescale", "do_normalize", "do_convert_rgb", "do_sample_frames")
#: Further steps, whose names do not begin alike.
OTHER_STEPS = ("rescale_offset", "include_top")
#: A `crop_pct` of smaller frames is that of a crop; larger ones are not cropped (ConvNeXt).
CROPPED_BELOW = 384


def pixels_of(folder: Path) -> Pixels:
    """The preprocessing in `folder`.

    Raises:
        UserError: it is missing or incomplete, or is none that `pixel_values` does.
    """
    names = [name for name in PREPROCESSORS if (folder / name).is_file()]
    if not names:
        raise UserError(
            f"{folder}: has no {PREPROCESSORS[1]}; expected one, since a class's defaults are not a model's"
        )
    path = folder / names[0]
    table = read_table(path)
    normalises = table.get("do_normalize", True) is not False  # VideoPrism sees grey levels as they are
    for key in ("do_resize", "do_rescale", *(("do_normalize",) if normalises else ())):
        if table.get(key, True) is not True:
            raise UserError(
                f"{path}: got {key} {visible_name(table[key])}, expected true; no other preprocessing is supported"
            )
    for key, value in table.items():
        if value is True and key not in STEPS and (key.startswith("do_") or key in OTHER_STEPS):
            raise UserError(f"{path}: got {visible_name(key)} true, expected false; that step is not supported")
    crops = table.get("do_center_crop", table.get("crop_size") is not None)
    expected = ["size", "resample", *["crop_size"] * bool(crops), *["image_mean", "image_std"] * normalises]
    if missing := [key for key in expected if table.get(key) is None]:
        raise UserError(
            f"{path}: has no {', '.join(missing)}; expected each, since a class's defaults are not a model's"
        )
    if not isinstance(table["resample"], int) or table["resample"] not in RESAMPLES:
        raise UserError(
            f"{path}: got resample {visible_name(table['resample'])}, expected 2 (bilinear) or 3 (bicubic), as PIL "
            "numbers its filters"
        )
    resize = _side(table["size"], "size", path)
    crop = _side(table["crop_size"], "crop_size", path) if crops else resize
    try:
        # Published models rescale by 1 / 255, and some (ViViT) by 1 / 127.5 less an offset of 1.
        scale, offset = 255 * float(table.get("rescale_factor", 1 / 255)), float(table.get("offset", False))
        mean, std = (table["image_mean"], table["image_std"]) if normalises else ([0.0] * 3, [1.0] * 3)
        mean, std = [(float(value) + offset) / scale for value in mean], [float(value) / scale for value in std]
        if table.get("crop_pct") is not None and resize < CROPPED_BELOW:
            resize = int(resize / table["crop_pct"])
    except (TypeError, ValueError, ArithmeticError) as error:
        raise UserError(f"{path}: its numbers can't be used ({error}); get it again") from None
    values = {"resize": resize, "resample": RESAMPLES[table["resample"]], "crop": crop, "mean": mean, "std": std}
    return parse(values, Pixels, str(path))


def _side(value: Any, key: str, path: Path) -> int:
    """The side of a square, or the shorter side, pixels."""
    sides = list(value.values()) if isinstance(value, dict) else [value]
    side = sides[0] if sides else None
    if not isinstance(side, int) or any(other != side for other in sides):
        raise UserError(f"{path}: got {key} {visible_name(value)}, expected a square's side or a shortest_edge")
    return side
