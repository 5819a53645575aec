"""Where the face is: one interface and a choice of finders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from thb.clips.faces.face import FaceFinder, Faces, followed, whole_frame
from thb.clips.faces.haar import HaarFinder
from thb.clips.faces.squares import cut, face_squares, scaled, whole_square
from thb.clips.faces.track import overlap
from thb.clips.faces.truth import TruthFinder
from thb.clips.faces.yunet import YuNetFinder
from thb.core import model_files
from thb.core.errors import DataError, ParamsError, unknown
from thb.core.params import Net
from thb.core.paths import Paths

__all__ = [
    "FINDERS",
    "ON_PIXELS",
    "FaceFinder",
    "Faces",
    "cut",
    "face_squares",
    "finder",
    "followed",
    "overlap",
    "scaled",
    "whole_frame",
    "whole_square",
]

FINDERS: dict[str, Callable[[Paths, Mapping[str, Net]], FaceFinder]] = {
    "truth": lambda paths, _: TruthFinder(paths),
    "haar": lambda *_: HaarFinder(),
    "yunet": lambda _, known: YuNetFinder(_yunet(known)),
}
ON_PIXELS = tuple(name for name in FINDERS if name != "truth")  # those that work on any video


def finder(name: str, paths: Paths, known: Mapping[str, Net]) -> FaceFinder:
    """The finder of this name; `known` are the networks of params.yaml."""
    if name not in FINDERS:
        raise ParamsError(unknown("face finder", name, FINDERS))
    return FINDERS[name](paths, known)


def _yunet(known: Mapping[str, Net]) -> Path:
    try:
        return model_files.weights("yunet", known)
    except DataError as e:
        raise DataError(f"{e}; or take `finder: haar` (`--finder haar` of thb detect), which needs no download") from e
