"""Which clips train, validate and test each fit: pure functions of the table of clips."""

from __future__ import annotations

import pandas as pd

from thb.errors import ProtocolError

TRAIN, VAL, TEST, UNUSED = "train", "val", "test", "unused"
USES = (TRAIN, VAL, TEST, UNUSED)
SEEN = (TRAIN, VAL)   # what a fit has looked at, be it only to choose its checkpoint
LEFT_OUT = "no-"


def uses(clips: pd.DataFrame, fit: str) -> pd.Series:
    """text [n]: how the fit uses each clip (columns `source`, `role`, `split`); each has one use."""
    if fit == "ffpp":
        return _own_split(clips, clips["role"].isin(["swap", "real"]), tested=clips["role"] == "generator")
    if fit == "all":
        return _own_split(clips, clips["role"].isin(["generator", "real"]), tested=clips["role"] == "unseen")
    return _without(clips, fit.removeprefix(LEFT_OUT))


def _without(clips: pd.DataFrame, generator: str) -> pd.Series:
    """The left-out generator tests in all its splits; what the others' test clips say, fit `all` says."""
    left_out = clips["source"] == generator
    others = (clips["role"] == "generator") & ~left_out
    use = _own_split(clips, others | (clips["role"] == "real"), tested=clips["role"] == "unseen")
    return use.mask(others & (use == TEST), UNUSED).mask(left_out, TEST)


def _own_split(clips: pd.DataFrame, trained: pd.Series, tested: pd.Series) -> pd.Series:
    """`trained` clips do what their split says, the `tested` only test; whatever else there is, is unused."""
    use = clips["split"].where(trained, UNUSED)
    return use.mask(tested & (clips["split"] == TEST), TEST)


def check_parts(split: pd.DataFrame, fit: str) -> None:
    """A fit can be trained, its checkpoint chosen and its scores compared only if no part lacks a class."""
    for use in (TRAIN, VAL, TEST):
        for label, kind in enumerate(("real", "fake")):
            if not ((split["use"] == use) & (split["label"] == label)).any():
                raise ProtocolError(f"fit {fit!r} has no usable {kind} clip of use {use!r}; "
                                    "results/coverage.csv says which clips could not be used, and why")
