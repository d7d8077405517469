"""Frames to what an image processor of transformers makes of them: resized as PIL does, cropped, normalised."""

from typing import Annotated, Literal

from msgspec import Meta
from torch import Tensor

from trajprobe.backbones.parts.resizing import pil_bicubic, pil_bilinear, resize_and_crop
from trajprobe.params import Parameters

#: No published network sees more; resizing takes the square of it in memory.
Side = Annotated[int, Meta(ge=1, le=2048)]
#: Means and deviations of grey levels, as shares of 255; published ones go from 0 to 1, or -1 to 1.
Share = Annotated[float, Meta(ge=-1000.0, le=1000.0)]
Three = tuple[Share, Share, Share]


class Pixels(Parameters, frozen=True, kw_only=True):
    """What a preprocessor_config.json says, whose `size` is called `resize` here: DVC ignores keys called `size`."""

    resize: Side  #: pixels of the shorter side
    resample: Literal["bilinear", "bicubic"]
    crop: Side  #: height and width of the middle square that the network sees, pixels
    mean: Three  #: of red, green and blue, as shares of 255
    std: Three

    def __post_init__(self) -> None:
        if self.crop > self.resize:
            raise ValueError(f"got crop {self.crop}, expected at most {self.resize} as `resize`")
        if min(self.std) < 1e-6:
            raise ValueError(f"got std {list(self.std)}, expected numbers above 0.000001")


def pixel_values(video: Tensor, pixels: Pixels) -> Tensor:
    """uint8 [b t h w c] -> normalised float32 [b c t s s], s = `pixels.crop`."""
    resample = pil_bilinear if pixels.resample == "bilinear" else pil_bicubic
    frames = resize_and_crop(video, pixels.resize, pixels.crop, resample).float()
    mean, std = (frames.new_tensor(values).view(3, 1, 1, 1) for values in (pixels.mean, pixels.std))
    return frames.div_(255).sub_(mean).div_(std)
