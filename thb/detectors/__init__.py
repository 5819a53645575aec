"""The detectors: one file each, found by listing this folder. Importing this module imports no torch.

A detector's file holds `Config` (a frozen dataclass whose fields are the keys of its `defaults` in
params.yaml) and `Detector`, which `reads` "frames" (a network, trained by thb.loop), "facts" (of the container) or
"pictures" (a few measures of its own of each clip's); what is no network is fitted at once.
"""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open

from thb.errors import DataError, ParamsError, unknown
from thb.records import read_json

_METADATA = "thb"   # one key, because safetensors writes several in no fixed order


def names() -> list[str]:
    """Every detector, by its file's name."""
    return sorted(p.stem for p in Path(__file__).parent.glob("[a-z]*.py") if p.stem != "base")


def load(name: str) -> ModuleType:
    """The module of one detector."""
    if name not in names():
        raise ParamsError(unknown("detector", name, names()))
    return importlib.import_module(f"{__name__}.{name}")


def configure(name: str, settings: Mapping[str, Any]) -> Any:
    """Settings as read from params.yaml, checked and typed as the detector's own Config."""
    config = load(name).Config
    known = [f.name for f in fields(config)]
    for key in settings:
        if key not in known:
            raise ParamsError(unknown(f"key in detectors.{name}", key, known))
    try:
        return TypeAdapter(config).validate_python(dict(settings))
    except ValidationError as e:
        raise ParamsError(_explain(name, e)) from e


def _explain(name: str, error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] in ("missing", "missing_argument"):
        return f"detectors.{name}.defaults lacks {where!r}"
    return f"detectors.{name}.{where} = {first['input']!r}: {first['msg'].lower()}"


def describe(name: str, config: Any) -> dict[str, str]:
    """What a weights file says about itself, so that it can be rebuilt from the file alone."""
    return {_METADATA: json.dumps({"detector": name, "settings": asdict(config)}, sort_keys=True)}


def restore(path: Path, name: str) -> Any:
    """A trained detector, with the settings that its weights were trained with."""
    if not path.is_file():
        fit = f"{path.parent.parent.name}/{path.parent.name}"
        raise DataError(f"missing {path.name} of {fit}; run `dvc repro` to train it")
    try:
        with safe_open(path, framework="numpy") as file:
            about = json.loads((file.metadata() or {}).get(_METADATA, "{}"))
    except SafetensorError as e:
        raise DataError(f"{path} is not a whole safetensors file: {e}") from e
    if about.get("detector") != name:
        raise DataError(f"{path} holds weights of {about.get('detector')!r}, not of {name!r}")
    return load(name).Detector.restore(path, configure(name, about["settings"]))


def vouched(folder: Path, name: str) -> tuple[Any, dict[str, Any]]:
    """A trained detector, and what its weights say of themselves; run.json vouches for them."""
    path, run = folder / "weights.safetensors", read_json(folder / "run.json")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if run.get("weights_sha256") != found:
        raise DataError(f"{path} has SHA-256 {found[:12]}…, not the {str(run.get('weights_sha256'))[:12]}… of run.json")
    with safe_open(path, framework="numpy") as file:
        about = json.loads((file.metadata() or {}).get(_METADATA, "{}"))
    return restore(path, name), about
