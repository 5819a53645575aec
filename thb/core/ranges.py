"""Types of numbers, names and texts in settings, with their ranges; nothing is coerced, and no number is infinite.

True is not 1, a text is not a number, and 2.0 is not a count: whoever writes one for the other meant something else.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, Strict
from pydantic_core import PydanticCustomError

# ---- numbers
Count = Annotated[int, Strict(), Field(ge=1, le=10_000)]
Whole = Annotated[int, Strict(), Field(ge=0, le=10_000)]  # 0: none, or all, or as many as there are
Parameters = Annotated[int, Strict(), Field(ge=1, le=10**12)]  # of a network
Seed = Annotated[int, Strict(), Field(ge=0, lt=2**32)]
Width = Annotated[int, Strict(), Field(ge=1, le=8192)]  # channels
Side = Annotated[int, Strict(), Field(ge=16, le=4096)]  # pixels
Share = Annotated[float, Strict(), Field(ge=0, le=1, allow_inf_nan=False)]
Part = Annotated[float, Strict(), Field(ge=0, lt=1, allow_inf_nan=False)]  # a share that leaves something
Some = Annotated[float, Strict(), Field(gt=0, lt=1, allow_inf_nan=False)]  # and takes something
Amount = Annotated[float, Strict(), Field(ge=0, le=10_000, allow_inf_nan=False)]
Positive = Annotated[float, Strict(), Field(gt=0, le=10_000, allow_inf_nan=False)]
Strength = Annotated[float, Strict(), Field(ge=0, le=10, allow_inf_nan=False)]
Factor = Annotated[float, Strict(), Field(gt=0, le=16, allow_inf_nan=False)]
Flag = Annotated[bool, Strict()]


def _whole(value: object) -> object:
    if type(value) is not int:
        raise PydanticCustomError("whole", "a whole number is wanted")
    return value


Exact = BeforeValidator(_whole)  # of a Literal of numbers, which alone would take true for 1

# ---- words
NAME = r"^[A-Za-z][A-Za-z0-9_]{0,39}$"  # becomes a file's name, a folder's and a DVC stage's
NAME_RULE = "a letter, then at most 39 letters, digits and underscores"
Name = Annotated[str, Field(pattern=NAME)]
SEEN = r"[^\p{C}\p{Zl}\p{Zp}]"  # a character that is seen, or a blank
Text = Annotated[str, Field(pattern=f"^{SEEN}+$", max_length=200)]
Place = Annotated[str, Field(pattern=f"^{SEEN}*$", max_length=4096)]  # a path; '': none
Commit = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
REPOSITORY = r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*"  # owner/name, on the Hub
Repository = Annotated[str, Field(pattern=f"^{REPOSITORY}$", max_length=200)]


def broken(rule: str) -> PydanticCustomError:
    """A fault that no single value shows, for a model's validator to raise; the text follows the model's place."""
    return PydanticCustomError(BROKEN, "{rule}", {"rule": rule})


def _once(given: list[str]) -> list[str]:
    if twice := next((value for value in given if given.count(value) > 1), None):
        raise broken(f" names {shown(twice)} twice")
    return given


BROKEN = "broken rule"
Once = AfterValidator(_once)  # of a list

SHOWN = 80  # characters of a bad value that an error repeats


def shown(value: object) -> str:
    """A bad value as an error shows it: on one line, cut where it is long."""
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
