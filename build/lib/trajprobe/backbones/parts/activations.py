"""Counts the memory of a network's activations, on torch's meta device too, where nothing is computed."""

from typing import Any

from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Activations(TorchDispatchMode):  # type: ignore[no-untyped-call] # torch has no types for it
    """Keeps count of the bytes of tensors that are alive; `peak` is the most there were."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak = 0
        self._alive: dict[StorageWeakRef, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        inputs = {_storage(tensor) for tensor in tree_leaves((args, kwargs)) if isinstance(tensor, Tensor)}
        for tensor in tree_leaves(out):
            if isinstance(tensor, Tensor) and (storage := _storage(tensor)) not in inputs:  # no view, not in place
                self._alive[storage] = tensor.untyped_storage().nbytes()
        freed = [storage for storage in self._alive if storage.expired()]  # type: ignore[no-untyped-call]
        for storage in freed:
            del self._alive[storage]
        self.peak = max(self.peak, sum(self._alive.values()))
        return out


def _storage(tensor: Tensor) -> StorageWeakRef:
    return StorageWeakRef(tensor.untyped_storage())  # type: ignore[no-untyped-call]


def weights_size(network: nn.Module) -> int:
    """Bytes of the network's weights."""
    return sum(tensor.numel() * tensor.element_size() for tensor in network.state_dict().values())
