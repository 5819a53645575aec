"""Which clips train, validate and test each fit: pure functions of the table of clips."""

from __future__ import annotations

import pandas as pd

TRAIN, VAL, TEST, UNUSED = "train", "val", "test", "unused"
USES = (TRAIN, VAL, TEST, UNUSED)
SEEN = (TRAIN, VAL)  # what a fit has looked at, be it only to choose its checkpoint
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


def lacking(split: pd.DataFrame) -> str:
    """What keeps a fit from being trained, chosen and compared ('' if nothing does): no part may lack a class."""
    for use in (TRAIN, VAL, TEST):
        for label, kind in enumerate(("real", "fake")):
            if not ((split["use"] == use) & (split["label"] == label)).any():
                return f"no usable {kind} clip of use {use!r}"
    return ""
