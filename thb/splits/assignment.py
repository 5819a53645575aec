"""Which clips train, validate and test each fit: pure functions of the table of clips."""

from __future__ import annotations

import pandas as pd

TRAIN, VAL, TEST, UNUSED = "train", "val", "test", "unused"
USES = (TRAIN, VAL, TEST, UNUSED)
SEEN = (TRAIN, VAL)  # what a fit has looked at, be it only to choose its checkpoint
LEFT_OUT = "no-"


def uses(clips: pd.DataFrame, fit: str) -> pd.Series:
    """text [n]: how the fit uses each clip (columns `source`, `role`, `split`); each has one use."""
    role, split = clips.loc[:, "role"], clips.loc[:, "split"]
    if fit == "ffpp":
        return _own_split(split, role.isin(["swap", "real"]), tested=role == "generator")
    if fit == "all":
        return _own_split(split, role.isin(["generator", "real"]), tested=role == "unseen")
    # the left-out generator tests in all its splits; what the others' test clips say, fit `all` says
    left_out = clips.loc[:, "source"] == fit.removeprefix(LEFT_OUT)
    others = (role == "generator") & ~left_out
    use = _own_split(split, others | (role == "real"), tested=role == "unseen")
    return use.mask(others & (use == TEST), UNUSED).mask(left_out, TEST)


def _own_split(split: pd.Series, trained: pd.Series, tested: pd.Series) -> pd.Series:
    """`trained` clips are used as their split says, `tested` ones for testing only; the rest is unused."""
    return split.where(trained, UNUSED).mask(tested & (split == TEST), TEST)


def lacking(split: pd.DataFrame) -> str:
    """Why a fit cannot be trained, chosen and tested ('' if it can): no use may lack a class."""
    for use in (TRAIN, VAL, TEST):
        for label, kind in enumerate(("real", "fake")):
            if not ((split.loc[:, "use"] == use) & (split.loc[:, "label"] == label)).any():
                return f"no usable {kind} clip of use {use!r}"
    return ""
