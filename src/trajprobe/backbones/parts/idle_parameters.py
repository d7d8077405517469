"""Which parameters of a network take no part in what it gives."""

from collections.abc import Iterable

from torch import Tensor, nn

#: Parameters that training alone uses, by the beginning or the end of their names: what stands for a masked patch, and
#: the part of V-JEPA 2 that guesses the features of masked ones.
ONLY_TRAINING = ("mask_token", "predictor.")


def idle_parameters(network: nn.Module, outputs: Iterable[Tensor]) -> list[str]:
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
        for name, parameter in network.named_parameters()
        if id(parameter) not in used and not name.startswith(ONLY_TRAINING) and not name.endswith(ONLY_TRAINING)
    ]
