"""preprocessor_files: preprocessing is read as it is published, and what is not stated is not guessed."""

import json

import pytest
from small_transformers import HALF

from trajprobe.backbones.parts.preprocessor_files import pixels_of
from trajprobe.errors import UserError


def preprocessor(folder, **changed):
    path = folder / "preprocessor_config.json"
    told = json.loads(path.read_text()) | changed
    path.write_text(json.dumps({key: value for key, value in told.items() if value is not None}))
    return folder


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, {"resize": 32, "crop": 32, "resample": "bilinear"}),
        ({"resample": 3, "size": {"height": 40, "width": 40}}, {"resize": 40, "crop": 32, "resample": "bicubic"}),
        ({"do_center_crop": False, "size": 48}, {"resize": 48, "crop": 48}),
        ({"do_center_crop": None, "crop_size": None}, {"resize": 32, "crop": 32}),
        ({"crop_size": 28}, {"crop": 28}),
        ({"rescale_factor": 1 / 127.5, "offset": True}, {"mean": (0.75, 0.75, 0.75), "std": (0.125, 0.125, 0.125)}),
        ({"crop_size": None, "do_center_crop": None, "do_pad": None}, {"resize": 32, "crop": 32}),
        # VideoPrism: grey levels as they are, whatever else the file has
        ({"do_normalize": False, "do_sample_frames": True}, {"mean": (0, 0, 0), "std": (1, 1, 1)}),
        ({"do_normalize": False, "image_mean": None, "image_std": None}, {"mean": (0, 0, 0), "std": (1, 1, 1)}),
        # ConvNeXt and ResNet: `size` is what is left of a larger frame, unless it is large itself
        ({"crop_pct": 0.875, "size": 224, "crop_size": None, "do_center_crop": None}, {"resize": 256, "crop": 224}),
        ({"crop_pct": 1.0, "size": 384, "crop_size": None, "do_center_crop": None}, {"resize": 384, "crop": 384}),
        ({"crop_pct": 0.9, "size": 384, "crop_size": None, "do_center_crop": None}, {"resize": 384, "crop": 384}),
        ({"rescale_factor": None}, {"mean": tuple(HALF["mean"]), "std": tuple(HALF["std"])}),
    ],
)
def test_preprocessing_is_read_as_it_is_published(recorded, changed, expected):
    found = pixels_of(preprocessor(recorded("clip"), **changed))
    for key, value in expected.items():
        assert getattr(found, key) == pytest.approx(value) if isinstance(value, tuple) else getattr(found, key) == value


def test_an_offset_is_what_processors_make_of_it(recorded):
    """ViViT: x / 127.5 - 1, and then the mean and the deviation."""
    pixels = pixels_of(preprocessor(recorded("clip"), rescale_factor=1 / 127.5, offset=True))
    for grey in (0, 100, 255):
        expected = ((grey / 127.5 - 1) - 0.5) / 0.25
        assert (grey / 255 - pixels.mean[0]) / pixels.std[0] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"image_mean": None}, "has no image_mean; expected each, since a class's defaults are not a model's"),
        ({"image_mean": None, "image_std": None}, "has no image_mean, image_std"),
        ({"size": None}, "has no size"),
        ({"resample": None}, "has no resample"),
        ({"resample": 1}, "resample"),
        ({"size": {"height": 32, "width": 40}}, "got size .* expected a square's side or a shortest_edge"),
        ({"do_resize": False}, "got do_resize False, expected true"),
        ({"do_normalize": "no"}, "got do_normalize no, expected true"),
        ({"do_rescale": False}, "got do_rescale False, expected true"),
        ({"do_flip_channel_order": True}, "got do_flip_channel_order true, expected false; that step is not supported"),
        ({"do_pad": True}, "got do_pad true, expected false"),
        ({"rescale_offset": True}, "got rescale_offset true, expected false"),
        ({"include_top": True}, "got include_top true, expected false"),
        ({"resample": 0}, r"got resample 0, expected 2 \(bilinear\) or 3 \(bicubic\)"),
        ({"crop_size": None}, "has no crop_size; expected each"),
        ({"crop_pct": 0, "do_center_crop": False}, "its numbers can't be used"),
        ({"crop_pct": "all", "do_center_crop": False}, "its numbers can't be used"),
        ({"crop_size": 64}, "got crop 64, expected at most 32"),
        ({"image_std": [0.5, 0.5]}, "length 3"),
        ({"rescale_factor": 0}, "its numbers can't be used"),
        ({"rescale_factor": "1/255"}, "its numbers can't be used"),
        ({"image_mean": "abc"}, "its numbers can't be used"),
        ({"offset": "x"}, "its numbers can't be used"),
        ({"rescale_factor": 10**400}, "its numbers can't be used"),
        ({"rescale_factor": 1e-300}, "at `mean.0.`: Expected `float`"),
        ({"resample": [2]}, "got resample .2., expected 2"),
        ({"size": {"height": [32], "width": [32]}}, "got size .* expected a square's side"),
        ({"size": {}}, "got size .* expected a square's side"),
        ({"size": 10**9}, "at `resize`: Expected `int` <= 2048"),
    ],
)
def test_preprocessing_that_is_not_told_is_not_guessed(recorded, changed, message):
    with pytest.raises(UserError, match=message):
        pixels_of(preprocessor(recorded("clip"), **changed))


def test_a_video_processors_table_comes_first(recorded):
    folder = recorded("vjepa2")
    told = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "video_preprocessor_config.json").write_text(json.dumps(told | {"resample": 3}))
    assert pixels_of(folder).resample == "bicubic"
