"""Functions of torch that are MKL's vector maths on a CPU: their last bits differ between makers of CPUs."""

from torch.utils._python_dispatch import TorchDispatchMode

#: Of ATen/cpu/vml.h; `_foreach_sqrt` and its like call them too.
FUNCTIONS = {
    *("acos", "asin", "atan", "cos", "erf", "erfc", "erfinv", "exp", "expm1", "log", "log10", "log1p", "log2", "sin"),
    *("sqrt", "tan", "tanh", "trunc"),
}


class NoVectorMaths(TorchDispatchMode):
    """Refuses them."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        if name.removeprefix("_foreach_").removesuffix("_") in FUNCTIONS:
            raise NotImplementedError(f"{name} is MKL's")
        return function(*args, **kwargs or {})
