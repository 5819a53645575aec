"""What a command works on: the paths and the settings of the clone that it is called in, everything checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thb.errors import ParamsError, unknown

if TYPE_CHECKING:
    from thb.params import Params
    from thb.paths import Paths


def of_clone(variant: str = "") -> tuple[Paths, Params]:
    """Of the clone we stand in, or of one of its control corpora."""
    from thb.params import load
    from thb.paths import Paths, find_root

    root = find_root()
    params = load(Paths(root).params)
    if variant and variant not in params.ablations:
        raise ParamsError(unknown("variant", variant, params.ablations))
    shared = frozenset(params.sources) - frozenset(params.generators) if variant else frozenset()
    return Paths(root, variant, shared), params


def of_clips(variant: str = "") -> tuple[Paths, Params]:
    """The same, with the folders where the user keeps the real videos: for what opens or counts clips.

    Where a control corpus is asked for that cannot be made, it is left out, and the command ends.
    """
    from dataclasses import replace

    from typer import Exit

    from thb.absence import skips_variant
    from thb.sources import local

    paths, params = of_clone(variant)
    if skips_variant(paths, params):
        raise Exit
    return replace(paths, own=local.folders(params)), params


def of_fit(detector: str, fit: str, variant: str) -> tuple[Paths, Params]:
    """As `of_clone`, with the detector's and the fit's names checked."""
    paths, params = of_clone(variant)
    params.detector(detector)
    if fit not in params.fits:
        raise ParamsError(unknown("fit", fit, params.fits))
    return paths, params
