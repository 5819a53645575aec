"""torch made ready before any library that stands on it: one cure and one speed-up, both harmless elsewhere.

The registry's torchvision is linked against CUDA. Beside a CPU-only torch its C++ part cannot load, so the
schemas of two operators are never declared and `import torchvision` fails on the first of them; timm and
everything else that imports torchvision fails with it. Declaring the schemas is all that is missing: no
detector calls the operators.
"""

from __future__ import annotations

import importlib
import os
from types import ModuleType

import torch

# Read by torch's CPU allocator at its first allocation: large tensors on huge pages.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

_SYMPTOM = "operator torchvision::nms does not exist"
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_declared: list[torch.library.Library] = []  # a library that is garbage-collected takes its schemas with it


def backbone(module: str) -> ModuleType:
    """Import a backbone library's module (timm, …) with a torchvision that imports."""
    _heal_torchvision()
    return importlib.import_module(module)


def _heal_torchvision() -> None:
    try:
        importlib.import_module("torchvision")
    except RuntimeError as e:
        if str(e) != _SYMPTOM:
            raise
        _declare_operators()
        importlib.import_module("torchvision")


def _declare_operators() -> None:
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        library.define(name + _SCHEMA)
    _declared.append(library)
