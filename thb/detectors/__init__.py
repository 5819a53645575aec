"""The detectors: a file or a folder each, found by listing this one. Importing this module imports no torch.

A detector's module holds `Config` (a frozen dataclass whose fields are the keys of its `defaults` in params.yaml) and
`Detector`, one of two kinds, told apart by what it `reads`: a `Network` reads "frames" and is trained by thb.fits.loop;
a `Control` reads "facts" of the container or "pictures" (a few measures of its own of each clip) and is fitted at once.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Mapping
from dataclasses import asdict, fields
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open

from thb.core.errors import DataError, ParamsError, unknown
from thb.core.ranges import shown

if TYPE_CHECKING:
    from thb.detectors.base import Network, Training
    from thb.detectors.parts.logistic import Control, Logistic

    Config: TypeAlias = Training | Logistic
    Detector: TypeAlias = Network | Control

_METADATA = "thb"  # one key, because safetensors writes several in no fixed order
_AGAIN = "train or import it again"
_reader = cache(TypeAdapter)  # of a Config


def names() -> list[str]:
    """Every detector, by the name of its file or folder."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name not in ("base", "parts"))


def load(name: str) -> ModuleType:
    """The module of one detector."""
    if name not in names():
        raise ParamsError(unknown("detector", name, names()))
    return importlib.import_module(f"{__name__}.{name}")


def kind(name: str) -> type[Detector]:
    """The class of one detector."""
    return load(name).Detector


def build(name: str, config: Config) -> Detector:
    """A detector that has learnt nothing yet."""
    return load(name).Detector(config)


def configure(name: str, settings: Mapping[str, Any]) -> Config:
    """Settings as read from params.yaml, checked and typed as the detector's own Config."""
    config = load(name).Config
    known = [f.name for f in fields(config)]
    for key in settings:
        if key not in known:
            raise ParamsError(unknown(f"key in detectors.{name}", key, known))
    try:
        return _reader(config).validate_python(dict(settings))
    except ValidationError as e:
        raise ParamsError(_explain(name, e)) from e
    except ParamsError as e:
        raise ParamsError(f"detectors.{name}: {e}") from e


def _explain(name: str, error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing_argument" or (first["type"] == "missing" and len(first["loc"]) == 1):
        return f"detectors.{name}.defaults lacks {where!r}"
    return f"detectors.{name}.{where} = {shown(first['input'])}: {first['msg'].lower()}"


def describe(name: str, config: Config, **more: Any) -> dict[str, str]:
    """What a weights file says about itself, so that it can be rebuilt and used from the file alone."""
    return {_METADATA: json.dumps({"detector": name, "settings": asdict(config), **more}, sort_keys=True)}


def about(path: Path) -> dict[str, Any]:
    """What a weights file says about itself: at least its detector and the settings it was trained with."""
    if not path.is_file():
        fit = f"{path.parent.parent.name}/{path.parent.name}"
        raise DataError(f"missing {path.name} of {fit}; run `dvc repro` to train it")
    try:
        with safe_open(path, framework="numpy") as file:
            written = (file.metadata() or {}).get(_METADATA, "{}")
    except (SafetensorError, OSError) as e:
        raise DataError(f"{path} is not a whole safetensors file: {e}") from e
    try:
        said = json.loads(written)
    except (ValueError, RecursionError) as e:
        raise DataError(f"{path} does not say whose weights it holds: its `{_METADATA}` is no JSON ({e})") from e
    if not isinstance(said, dict) or not isinstance(said.get("settings", {}), dict):
        raise DataError(
            f"{path} does not say whose weights it holds: its `{_METADATA}` is no mapping with `detector` "
            "and `settings`"
        )
    return {"detector": None, "settings": {}, **said}


def restore(path: Path, name: str) -> Detector:
    """A trained detector, with the settings that its weights were trained with."""
    said = about(path)
    if said["detector"] != name:
        raise DataError(f"{path} holds weights of {said['detector']!r}, not of {name!r}")
    try:
        return build(name, configure(name, said["settings"])).restore(path)
    except ParamsError as e:
        raise DataError(f"{path} has settings of another version of {name}: {e}; {_AGAIN}") from e
    except (
        ArithmeticError,
        AssertionError,
        AttributeError,
        LookupError,
        RuntimeError,
        SafetensorError,
        TypeError,
        ValueError,
    ) as e:
        why = " ".join(str(e).split())[:200] or type(e).__name__
        raise DataError(f"{path} holds no {name} that can be built from its settings: {why}; {_AGAIN}") from e
