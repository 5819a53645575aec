"""leaderboard/editions.yaml, typed: which generators are in which edition, how boards rank, who evaluates, the rule."""

from __future__ import annotations

from typing import Annotated, Any, get_args

from pydantic import BaseModel, Field, ValidationError

from thb.core import code, metrics, origin, plain_yaml
from thb.core.errors import DataError, ParamsError, check_known, unknown
from thb.core.params import Params, Strict
from thb.core.paths import Paths
from thb.core.ranges import Name, Part, Share, Text, shown

FOLDER = "leaderboard"
FILE = f"{FOLDER}/editions.yaml"
# What a number on a board is computed by, of all that these files import: editing another moves none.
COUNTED = ("cells/trials.py", "core/intervals.py", "core/metrics.py", "splits/protocols.py")

Edition = Annotated[str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]
Version = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,3}$")]
State = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]


class Present(Strict):
    """When a generator came, and when it went."""

    taken_in: Edition
    retired: Edition | None = None


class Ranked(Strict):
    """What boards rank by: the mean of a metric over the edition's generators, under the last of the protocols."""

    metric: Text
    protocols: Annotated[list[Name], Field(min_length=1)]
    missing: Part  # share of the tested clips that may lack a score


class Retire(Strict):
    """A generator goes when more than `most_of` the detectors find more than `above` of it, under any protocol."""

    metric: Text
    above: Share
    most_of: Part


class TakeIn(Strict):
    """One comes when less of it is found than of this share of those present, under any protocol."""

    metric: Text
    less_than: Share


class Editions(Strict):
    """The file."""

    editions: Annotated[dict[Edition, Text], Field(min_length=1)]
    generators: dict[Name, Present]
    evaluators: dict[Version, list[State]]
    ranked: Ranked
    retire: Retire
    take_in: TakeIn
    verified_within: Share  # how far a score may lie from the one entered, for the entry to count as verified

    @property
    def newest(self) -> str:
        return max(self.editions)

    def check(self, edition: str) -> str:
        """The edition, the newest for ''; raises ParamsError for one that is not known."""
        check_known("edition", [edition] if edition else [], sorted(self.editions))
        return edition or self.newest

    def present(self, edition: str) -> list[str]:
        """The generators of an edition."""
        return [
            name
            for name, one in self.generators.items()
            if one.taken_in <= edition and (one.retired is None or edition < one.retired)
        ]

    def evaluator(self, params: Params) -> str:
        """The version of the code that computes numbers here, '' if it is of none that was stated."""
        now = code_of(params)
        return next((version for version, states in self.evaluators.items() if now in states), "")


def code_of(params: Params) -> str:
    """A digest of the code by which numbers are computed, and of the settings that decide on them."""
    counted = [line for line in code.listing("cells.trials").splitlines() if line.split()[0] in COUNTED]
    return origin.digest([counted, dict(params.metrics.fpr), params.metrics.roc, params.metrics.confidence])


def load(paths: Paths, params: Params) -> Editions:
    """The file, checked; ParamsError names the fault in one line."""
    try:
        found = Editions.model_validate(plain_yaml.load(paths.root / FILE))
    except ValidationError as error:
        raise ParamsError(f"{FILE}: {fault(error, Editions)}") from None
    check_known(f"generator in {FILE}", found.generators, params.sources)
    check_known(f"protocol in {FILE}, ranked,", found.ranked.protocols, params.protocols)
    rates = [metrics.AUC, *params.metrics.fpr]
    for key in ("ranked", "retire", "take_in"):
        check_known(f"metric in {FILE}, {key},", [getattr(found, key).metric], rates)
    for name, one in found.generators.items():
        named = [edition for edition in (one.taken_in, one.retired) if edition]
        check_known(f"edition in {FILE}, generators.{name},", named, sorted(found.editions))
        if one.retired and one.retired <= one.taken_in:
            raise ParamsError(f"{FILE}: {name} is retired in {one.retired}, but came in {one.taken_in}")
    if empty := next((edition for edition in found.editions if not found.present(edition)), None):
        raise DataError(f"{FILE}: edition {empty} has no generator")
    return found


def fault(error: ValidationError, model: type[BaseModel]) -> str:
    """One fault of a pydantic report; an unknown key goes before the missing one that it may stand for."""
    first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
    where = (
        ".".join(str(part) for part in first["loc"] if not str(part).startswith(("constrained-", "literal["))) or "it"
    )
    if first["type"] == "extra_forbidden":
        return unknown("key", where, _fields(model, first["loc"][:-1]))
    if first["type"] == "missing":
        return f"{where} is missing"
    return f"{where} = {shown(first['input'])}: {first['msg'].lower()}"


def _fields(model: Any, loc: tuple[Any, ...]) -> list[str]:
    """The keys that the model at a place knows; a mapping's own keys and a list's places are stepped over."""
    for part in loc:
        if part in getattr(model, "model_fields", {}):
            model = _model_in(model.model_fields[part].annotation)
    return list(model.model_fields)


def _model_in(annotation: Any) -> Any:
    """The model that a field holds, be it in a mapping, a list or a choice."""
    inner = [found for part in get_args(annotation) if (found := _model_in(part))]
    return inner[-1] if inner else annotation if hasattr(annotation, "model_fields") else None
