"""Classes of transformers: which of them make features of frames alone."""

import inspect
import re

import transformers
from transformers import PreTrainedModel

#: Classes, by the beginning of their names, that run but give no features that could be compared, and why.
UNUSABLE = {
    "EfficientNet": "gives 0 for every frame with the random weights of its class, so that nothing is held against it",
    "Siglip2": "needs spatial_shapes beside the frames, since it takes any; for a fixed size, name SiglipVisionModel",
    "Timm": "is a network of timm, whose version no recipe of features has; name a class that is transformers' own",
    "ViTMAE": "hides and shuffles patches at random; name another class",
    "Yolos": "has tokens of objects behind those of patches; name another class",
}


def model_class(name: str) -> type[PreTrainedModel]:
    """The class of transformers of that name.

    Raises:
        ValueError: it does not exist, is no model, or can't make features of frames alone.
    """
    model = getattr(transformers, name, None) if name.isidentifier() else None
    if not (isinstance(model, type) and issubclass(model, PreTrainedModel) and model.config_class):
        raise ValueError(f"got model {name}, expected a model class of transformers, such as VideoMAEModel")
    for beginning, reason in UNUSABLE.items():
        if name.startswith(beginning):
            raise ValueError(f"got model {name}, which {reason}")
    if name.endswith("Backbone"):
        raise ValueError(f"got model {name}, which gives maps for detectors; name the class without Backbone")
    if re.search("For[A-Z]", name) and not is_classifier(model):
        raise ValueError(f"got model {name}, expected what is below its head, or a model for classification")
    needed = [model.main_input_name, *_required(model)]
    others = [argument for argument in dict.fromkeys(needed) if not argument.startswith("pixel_values")]
    if others:
        raise ValueError(
            f"got model {name}, which needs {', '.join(others)}, expected one that takes frames alone, such as the "
            "class of a vision part"
        )
    return model


def is_classifier(model: type[PreTrainedModel]) -> bool:
    """Whether the class has a head that makes classes of what a backbone gives."""
    return bool(re.search("For(Image|Video)Classification", model.__name__))


def below_head(model: PreTrainedModel) -> PreTrainedModel:
    """What runs: of a classifier the backbone below its head, else the model itself.

    `model.base_model` is no guide to it: in DINOv3 and VideoPrism it is a part of what is no head.

    Raises:
        ValueError: a classifier does not have exactly one backbone.
    """
    if not is_classifier(type(model)):
        return model
    backbones = [part for part in model.children() if isinstance(part, PreTrainedModel)]
    if len(backbones) != 1:
        raise ValueError(
            f"got model {type(model).__name__} with {len(backbones)} backbones below its head, expected one; name the "
            "class of the backbone"
        )
    return backbones[0]


def _required(model: type[PreTrainedModel]) -> list[str]:
    """Arguments of a call that have no default."""
    parameters = list(inspect.signature(model.forward).parameters.values())[1:]  # without `self`
    plain = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [each.name for each in parameters if each.default is inspect.Parameter.empty and each.kind in plain]
