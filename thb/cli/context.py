"""What a command works on: the paths and the checked settings of the clone that it is called in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thb.core.errors import ParamsError, check_known

if TYPE_CHECKING:
    from thb.core.params import Params
    from thb.core.paths import Paths


def of_clone(variant: str = "") -> tuple[Paths, Params]:
    """Paths and settings of the clone that we are in, or of one of its control corpora."""
    from thb import detectors
    from thb.cells.printed import check_printed
    from thb.core.params import load
    from thb.core.paths import Paths, find_root

    root = find_root()
    params = load(Paths(root).params)
    check_known("detector in params.yaml", params.detectors, detectors.names())
    if Paths(root).published.is_dir():  # where it is not, nothing printed is shown: evaluate says what is missing
        check_printed(Paths(root).published, params)
    if variant:
        check_known("variant", [variant], params.ablations)
    shared = frozenset(params.sources) - frozenset(params.generators) if variant else frozenset()
    return Paths(root, variant, shared), params


def of_clips(variant: str = "") -> tuple[Paths, Params]:
    """As `of_clone`, with the folders where the user keeps the real videos, for whatever opens or counts clips.

    Ends the command if it asks for a control corpus that cannot be made.
    """
    from dataclasses import replace

    from typer import Exit

    from thb.corpus import own_reals
    from thb.fits.absent import skips_variant

    paths, params = of_clone(variant)
    if skips_variant(paths, params):
        raise Exit
    return replace(paths, own=own_reals.folders(params)), params


def of_fit(detector: str, fit: str, variant: str) -> tuple[Paths, Params]:
    """As `of_clone`, with the detector's and the fit's names checked, and the detector's settings in every profile."""
    paths, params = of_clone(variant)
    params.detector(detector)
    check_known("fit", [fit], params.fits)
    check_detector(params, detector)
    return paths, params


def check_detector(params: Params, name: str) -> None:
    """Refuse settings, of any profile, that make no detector or that the profile's clips are not enough for."""
    from thb import detectors

    kind = detectors.load(name).Detector
    if name in params.sound_checks and not kind.hears:
        raise ParamsError(f"sound_checks names {name!r}, which hears nothing; take it out")
    for profile, entry in params.profiles.items():
        config = detectors.configure(name, params.model_copy(update={"profile": profile}).detector(name))
        if kind.reads != "frames":
            continue
        try:
            config.check_store(entry.store, kind.length, entry.explain.units if name in params.explained else 0)
        except ParamsError as e:
            raise ParamsError(f"profiles.{profile}.detectors.{name}: {e}") from e
        if name in params.label_checks and config.makes_fakes:
            raise ParamsError(
                f"label_checks names {name!r}, which in profile {profile} makes fakes of its own and "
                "learns without labels; take it out"
            )
