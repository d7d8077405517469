"""Families are modules, found by name: family NAME is backbones/NAME.py. There is no list of them."""

import importlib
from dataclasses import dataclass, fields
from typing import Any

from trajprobe.errors import UserError
from trajprobe.params import parse


@dataclass(frozen=True)
class Family:
    name: str
    module: str
    Architecture: Any = None
    LAYERS: tuple[str, ...] = ()
    build: Any = None
    preprocess: Any = None
    layer: Any = None
    DISCRETE: tuple[str, ...] = ()
    clips_check: Any = None
    fill_codebook: Any = None
    code_bits: Any = None
    from_codes: Any = None
    depth: Any = None
    POOLINGS: tuple[str, ...] = ()
    pooled: Any = None
    PACKAGES: tuple[str, ...] = ()
    load: Any = None
    FRAMES_PER_TOKEN: int = 0
    PIXELS_PER_TOKEN: int = 0
    Options: Any = None
    features: Any = None

    @property
    def is_network(self):
        return self.build is not None

    def architecture(self, node, where):
        return parse(node, self.Architecture, f"params.yaml: `{where}.architecture`")

    def check_clips(self, shape, clip, where):
        if self.clips_check:
            try:
                self.clips_check(shape, clip)
            except ValueError as error:
                raise UserError(
                    f"params.yaml: `{where}.clips`: {error}; choose or add another format of `clips`"
                ) from None


def family(name: str) -> Family:
    module = importlib.import_module(f"trajprobe.backbones.{name}")
    parts = {
        f.name: getattr(module, f.name)
        for f in fields(Family)
        if hasattr(module, f.name) and f.name not in ("name", "module")
    }
    return Family(name, module.__name__, clips_check=getattr(module, "check_clips", None), **parts)
