"""Weights that somebody else trained: a backbone to start from, found on disk or fetched from the hub once."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor, nn

from thb.core.errors import DataError

Adapt = Callable[[Tensor, Tensor], Tensor]  # (given, wanted) -> the given one in the wanted one's shape


def load_backbone(module: nn.Module, origin: str, own: tuple[str, ...] = (), fit: Adapt | None = None) -> None:
    """Fill a timm module from a safetensors file, all but the names that begin with `own`.

    Tensors of another shape are passed through `fit`; what the file lacks, or what still does not fit, is named.
    """
    mine, given = module.state_dict(), load_file(weights_file(origin))
    wanted = {k: v for k, v in mine.items() if not k.startswith(own)} if own else mine
    if absent := sorted(wanted.keys() - given.keys()):
        raise DataError(f"init_weights {origin!r} lacks {absent[0]} ({len(absent)} of {len(wanted)} names)")
    module.load_state_dict({**mine, **{k: _fitted(k, given[k], v, fit, origin) for k, v in wanted.items()}})


def _fitted(name: str, given: Tensor, wanted: Tensor, fit: Adapt | None, origin: str) -> Tensor:
    if given.shape != wanted.shape and fit:
        given = fit(given, wanted)
    if given.shape != wanted.shape:
        raise DataError(
            f"init_weights {origin!r}: {name} has shape {tuple(given.shape)}, which does not fit {tuple(wanted.shape)}"
        )
    return given


def weights_file(origin: str) -> Path:
    """A local file, or `hub:<repository>@<revision>` fetched once."""
    if not origin.startswith("hub:"):
        if not Path(origin).is_file():
            raise DataError(
                f"init_weights {origin!r} is not a file; known: none, a safetensors file, hub:<repository>@<revision>"
            )
        return Path(origin)
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    repository, _, revision = origin.removeprefix("hub:").partition("@")
    try:
        file = Path(hf_hub_download(repository, "model.safetensors", revision=revision or None))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as e:
        raise DataError(
            f"init_weights {origin!r} cannot be had from the hub ({type(e).__name__}); "
            "give a local safetensors file, or `none`"
        ) from e
    if not revision:
        print(
            f"{origin} names no revision; this is {file.parent.name}: write {origin}@{file.parent.name} to pin it",
            file=sys.stderr,
        )
    return file
