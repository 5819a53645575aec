"""import-weights: a published checkpoint, under its authors' names, becomes weights that `thb detect` reads.

Nothing in a checkpoint is ever run: it is opened with torch's `weights_only`, which builds tensors and plain
values and refuses the rest. Three classes that hold only values are let through beside them, because the
authors' files carry them: argparse.Namespace (TALL's options) and numpy's scalar and dtype (best scores).
"""

from __future__ import annotations

import argparse
import fnmatch
import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thb import detectors
from thb.core import origin
from thb.core.errors import DataError, ParamsError, printable
from thb.core.params import Params
from thb.core.paths import Paths, check_name
from thb.fits import weights

if TYPE_CHECKING:
    from torch import Tensor

    from thb.detectors.base import Network

CONTAINERS = ("network", "model", "best_state_dict", "state_dict")  # under which the four keep their tensors
WRAPPERS = ("module.", "model.")  # before every name, by DataParallel and others
COPIES = 8  # of all parameters: the weights, two of an optimiser, one averaged; as doubles twice that
SQUEEZED = 10  # times that an archive may grow when it is unpacked; torch packs without squeezing, weights do not
AS_PUBLISHED = {"compat": "official", "start_from": "scratch", "init_weights": "none"}


def run(paths: Paths, params: Params, detector: str, file: Path, fit: str, changes: Mapping[str, Any]) -> None:
    """Write weights.safetensors and run.json from a checkpoint; raises DataError unless every tensor fits."""
    check_name("fit", fit)
    kind, size = detectors.kind(detector), params.detectors[detector].parameters
    if kind.reads != "frames" or size is None:
        raise ParamsError(f"{detector!r} is a control without published weights; known: {', '.join(importable())}")
    published = read_checkpoint(file, COPIES * 4 * size.total)
    implied = kind.published_settings({name: tensor for name, tensor in published.items() if tensor.ndim})
    settings = {**params.detectors[detector].defaults, **AS_PUBLISHED, **implied, **changes}
    network = detectors.build(detector, detectors.configure(detector, settings))
    assert network.reads == "frames"
    dropped = fill(network, published, file)
    folder = (paths.run if fit in params.fits else paths.imported)(detector, fit)
    made_by, profile = origin.of_import(params, detector, settings), _profile(params, fit)
    said = {
        "imported_from": file.name,
        "sha256": origin.sha256(file),
        "tensors": len(network.state_dict()),
        "dropped": dropped,
        "settings": settings,
    }
    weights.write(folder, network, made_by, params.profiles[profile], detector, fit, 0, None, said)
    left = f", {len(dropped)} unused names dropped ({dropped[0]}, …)" if dropped else ""
    print(
        printable(
            f"{file.name}: {len(network.state_dict())} tensors{left} -> {paths.relative(folder)}; "
            f"it reads clips as profile {profile} keeps them"
        )
    )


def _profile(params: Params, fit: str) -> str:
    """Whose clips the weights read: the published ones', but for a fit of the active profile that cannot be made."""
    published = (name for name, profile in params.profiles.items() if profile.corpus == "hub")
    return params.profile if fit in params.fits else next(published, params.profile)


def importable() -> list[str]:
    """The detectors that have a published form."""
    return [name for name in detectors.names() if detectors.kind(name).reads == "frames"]


# ---- reading ----------------------------------------------------------------------------------------


def read_checkpoint(file: Path, most: int) -> dict[str, Tensor]:
    """The tensors of a checkpoint by their published names, out of whatever container they lie in.

    What would hold more than `most` bytes is refused before it is unpacked.
    """
    if not file.is_file():  # nor a folder, nor a pipe, which would keep us waiting
        raise DataError(f"{file} is not a file")
    _check_size(file, most)
    if file.suffix.lower() == ".safetensors":
        return _unwrapped(_safetensors(file), file)
    content = _unpickled(file)
    for key in CONTAINERS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            return _unwrapped(_tensors(content[key]), file)
    tensors = _tensors(content) if isinstance(content, Mapping) else {}
    if not tensors or len(tensors) < len(content):
        names = (
            [name if isinstance(name, str) else type(name).__name__ for name in content][:6]
            if isinstance(content, Mapping)
            else [type(content).__name__]
        )
        raise DataError(
            f"{file.name} holds no state dict: neither tensors by name nor one of {', '.join(CONTAINERS)} "
            f"(found {', '.join(name[:80] for name in names) or 'nothing'})"
        )
    return _unwrapped(tensors, file)


def _check_size(file: Path, most: int) -> None:
    """Raises DataError if the file, or what an archive unpacks to, is larger than any checkpoint of the network."""
    packed = unpacked = file.stat().st_size
    if zipfile.is_zipfile(file):
        try:
            with zipfile.ZipFile(file) as archive:
                unpacked = sum(member.file_size for member in archive.infolist())
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as e:
            raise DataError(f"{file.name} is no checkpoint that torch can read: {e}") from e
    if max(packed, unpacked) > most:
        raise DataError(
            f"{file.name} holds {max(packed, unpacked):,} bytes unpacked; a checkpoint of this network "
            f"takes no more than {most:,}"
        )
    if unpacked > SQUEEZED * packed:
        raise DataError(
            f"{file.name} would grow from {packed:,} bytes to {unpacked:,} when it is unpacked, more than "
            f"{SQUEEZED} times: no weights can be squeezed so much"
        )


def _safetensors(file: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(file)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, RuntimeError) as e:
        raise DataError(f"{file.name} is not a whole safetensors file: {_why(e)}") from e


def _unpickled(file: Path) -> Any:
    import torch

    try:
        with torch.serialization.safe_globals(_value_classes()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's own remark on archives, which are refused below
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as e:
        raise DataError(_refusal(file, str(e))) from e
    except Exception as e:  # whatever torch trips over in bytes that are no checkpoint
        raise DataError(f"{file.name} is no checkpoint that torch can read: {_why(e)}") from e


def _why(error: Exception) -> str:
    """The first line of an error's text that is not blank, else its type."""
    return next((line[:200] for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _value_classes() -> list[Any]:
    import numpy as np

    scalar, _ = np.float64().__reduce__()
    kinds = [type(np.dtype(name)) for name in ("float32", "float64", "int64")]
    return [
        argparse.Namespace,
        np.dtype,
        *kinds,
        (scalar, "numpy.core.multiarray.scalar"),
        (scalar, "numpy._core.multiarray.scalar"),
    ]


def _refusal(file: Path, why: str) -> str:
    """One line: what the pickle would run, and how its tensors can be had without running it here."""
    needs = re.search(r"GLOBAL ([\w.]+)", why)
    if "TorchScript" in why or "torch.jit" in why:
        return f"{file.name} is a TorchScript archive, a program; save its state_dict() with safetensors, import that"
    named = f"needs {needs[1]}" if needs else "is not a pickle of tensors and plain values"
    return (
        f"{file.name} {named}, which could run code and is refused; on a machine that you trust with it, "
        "load it there, save its state dict with safetensors.torch.save_file, and import that file"
    )


def _tensors(content: Mapping[Any, Any]) -> dict[str, Tensor]:
    import torch

    return {k: v for k, v in content.items() if isinstance(k, str) and isinstance(v, torch.Tensor)}


def _unwrapped(tensors: dict[str, Tensor], file: Path) -> dict[str, Tensor]:
    """Without what DataParallel and others put before every name; every tensor one of plain numbers."""
    for wrapper in WRAPPERS:
        if tensors and all(name.startswith(wrapper) for name in tensors):
            tensors = {name.removeprefix(wrapper): tensor for name, tensor in tensors.items()}
    for name, tensor in tensors.items():
        if odd := _oddity(tensor):
            raise DataError(f"{file.name}: {name!r} is {odd} tensor; only plain ones can be imported")
    return tensors


def _oddity(tensor: Tensor) -> str:
    """What a tensor is, if it is no array of numbers in memory."""
    import torch

    kinds = {
        "a quantised": tensor.is_quantized,
        "a nested": tensor.is_nested,
        "a complex": tensor.is_complex(),
        "a sparse": tensor.layout != torch.strided,
        "an empty (meta)": tensor.device.type != "cpu",
    }
    return next((kind for kind, found in kinds.items() if found), "")


# ---- filling ----------------------------------------------------------------------------------------


def fill(network: Network, published: Mapping[str, Tensor], file: Path) -> list[str]:
    """Give every tensor of the network its published one; returns the names that it has no use for."""
    names, own = network.published_names(), network.state_dict()
    spare = published.keys() - set(names.values())
    dropped = sorted(n for n in spare if any(fnmatch.fnmatchcase(n, glob) for glob in network.unused))
    missing = [names[n] for n in own if names[n] not in published]
    unexpected = sorted(spare - set(dropped))
    if missing and not unexpected and _all_frozen(network, missing):
        network.warm_start()  # a checkpoint of the trained part alone: the rest is the known backbone's
        own, missing = network.state_dict(), []
    if missing or unexpected:
        raise DataError(f"{file.name} does not fit: {_listed('missing', missing)}; {_listed('unexpected', unexpected)}")
    taken = {
        n: _shaped(published[names[n]], tensor, names[n], file) if names[n] in published else tensor
        for n, tensor in own.items()
    }
    network.load_state_dict(taken)
    return dropped


def _all_frozen(network: Network, missing: list[str]) -> bool:
    """Whether what is missing is the frozen backbone, and there is a file to take it from."""
    frozen = {network.published_names()[n] for n, p in network.named_parameters() if not p.requires_grad}
    return set(missing) <= frozen and network.config.init_weights != "none"


def _listed(kind: str, names: list[str]) -> str:
    return f"{len(names)} names {kind}" + (f", first {names[0]!r}" if names else "")


def _shaped(given: Tensor, own: Tensor, name: str, file: Path) -> Tensor:
    """The published tensor in our shape; only axes of length 1 may differ, and no number may be NaN or infinite."""
    if [n for n in given.shape if n != 1] != [n for n in own.shape if n != 1]:
        raise DataError(
            f"{file.name} does not fit: {name!r} has shape {tuple(given.shape)} there, {tuple(own.shape)} here"
        )
    if given.is_floating_point() != own.is_floating_point():
        raise DataError(f"{file.name} does not fit: {name!r} is of {_kind(given)} there, of {_kind(own)} here")
    taken = given.reshape(own.shape).to(own.dtype)
    if taken.is_floating_point() and not taken.is_meta and not (taken.isfinite() | ~own.isfinite()).all():
        raise DataError(f"{file.name} cannot be used: {name!r} holds numbers that are none (NaN or infinite)")
    return taken


def _kind(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
