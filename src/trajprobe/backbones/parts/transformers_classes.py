"""Classes of transformers: which of them make features of frames alone, and with which of their parameters."""

import inspect
import re
from collections.abc import Iterable

import transformers
from torch import Tensor
from transformers import PreTrainedModel

#: Parameters that training alone uses, by the beginning or the end of their names: what stands for a masked patch, and
#: the part of V-JEPA 2 that guesses the features of masked ones.
ONLY_TRAINING = ("mask_token", "predictor.")
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


def idle_parameters(backbone: PreTrainedModel, outputs: Iterable[Tensor]) -> list[str]:
    """Names of the parameters that no output depends on, without those that training alone uses.

    `outputs` were made with gradients. Torch's graph of that calculation is followed back to the parameters, which
    shows what was used whatever the values are: the gradient of a key's bias is 0, since softmax takes no notice of it.
    """
    used, seen = set(), set()
    waiting = [output.grad_fn for output in outputs]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        used.add(id(getattr(node, "variable", None)))  # of a leaf: the parameter itself
        waiting += [before for before, _ in node.next_functions]
    return [
        name
        for name, parameter in backbone.named_parameters()
        if id(parameter) not in used and not name.startswith(ONLY_TRAINING) and not name.endswith(ONLY_TRAINING)
    ]


def _required(model: type[PreTrainedModel]) -> list[str]:
    """Arguments of a call that have no default."""
    parameters = list(inspect.signature(model.forward).parameters.values())[1:]  # without `self`
    plain = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [each.name for each in parameters if each.default is inspect.Parameter.empty and each.kind in plain]
