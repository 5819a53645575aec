"""reencode.yaml, typed: how clips are encoded again, which of them, and under which protocols they are tested."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from thb.core import plain_yaml
from thb.core.errors import ParamsError, check_known, entry, unknown
from thb.core.params import Params, Strict
from thb.core.paths import Paths
from thb.core.ranges import Amount, Factor, Name, Once, Positive, Text, Whole, shown

FILE = "reencode.yaml"
TESTED = "test"  # the split whose clips are encoded again

Little = Annotated[float, Field(strict=True, ge=0, le=0.3, allow_inf_nan=False)]


class Condition(Strict):
    """What happens to a clip; the file says of each key what it means, and in which order they act."""

    says: Text
    scale: Annotated[Factor, Field(ge=0.1, le=1)] = 1.0
    crop: Little = 0.0
    tilt: Little = 0.0
    gamma: Annotated[Factor, Field(ge=1, le=4)] = 1.0
    blur: Annotated[Amount, Field(le=20)] = 0.0
    noise: Annotated[Amount, Field(le=100)] = 0.0
    fps: Positive | None = None
    crf: Annotated[float, Field(strict=True, ge=0, le=51, allow_inf_nan=False)]

    @property
    def does(self) -> str:
        """Its settings as a table shows them."""
        named = self.model_dump(exclude={"says"}, exclude_unset=True)
        return ", ".join(f"{key} {value:g}" for key, value in named.items() if value is not None)


class Sample(Strict):
    """How many test clips of a source take part; 0: all that are usable."""

    fakes: Whole
    reals: Whole


class Reencoding(Strict):
    """The file."""

    conditions: dict[Name, Condition]
    reencoded: Annotated[list[Name], Once]
    test_clips: dict[Name, Sample]

    def condition(self, name: str) -> Condition:
        return entry("condition", name, self.conditions)


def file_of(paths: Paths) -> Path:
    return paths.root / FILE


def load(paths: Paths, params: Params) -> Reencoding:
    """The settings, checked; ParamsError names the fault in one line."""
    try:
        found = Reencoding.model_validate(plain_yaml.load(file_of(paths)))
    except ValidationError as e:
        raise ParamsError(f"{FILE}: {_explain(e)}") from e
    check_known(f"protocol in {FILE}, reencoded,", found.reencoded, params.protocols)
    check_known(f"profile in {FILE}, test_clips,", found.test_clips, params.profiles)
    check_known(f"profile without a line in {FILE}, test_clips:", [params.profile], found.test_clips)
    for name in found.reencoded:
        if params.protocols[name].split != [TESTED]:
            others = [other for other, one in params.protocols.items() if one.split == [TESTED]]
            raise ParamsError(f"{FILE}: reencoded: {unknown('protocol on test clips alone', name, others)}")
    if not found.reencoded or not found.conditions:
        raise ParamsError(f"{FILE} names no {'condition' if found.reencoded else 'protocol'}")
    return found


def _explain(error: ValidationError) -> str:
    """One fault; an unknown key goes before the missing one that it may stand for."""
    first = min(error.errors(), key=lambda fault: fault["type"] != "extra_forbidden")
    where = ".".join(map(str, first["loc"])) or "the file"
    if first["type"] == "extra_forbidden":
        known = {1: Reencoding, 3: Condition if first["loc"][0] == "conditions" else Sample}[len(first["loc"])]
        return unknown("key", where, known.model_fields)
    if first["type"] == "missing":
        return f"{where} is missing"
    return f"{where} = {shown(first['input'])}: {first['msg'].lower()}"
