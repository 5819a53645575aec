"""The detectors that are compared here: those of params.yaml, then the submitted ones.

A submitted detector is a folder of results/scores, as any other, with ABOUT in it. Whoever computes or shows numbers
takes the settings that `compared` gives; to whatever trains or scores, a submission does not exist.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

from pydantic import Field, ValidationError

from thb.core.errors import DataError, ParamsError
from thb.core.params import Params
from thb.core.params_schema import DetectorEntry, Strict
from thb.core.paths import Paths, check_name
from thb.core.ranges import Seed, Text
from thb.core.tables import read_json
from thb.fits import score_files
from thb.fits.score_files import ScoreFile

ABOUT = "about.json"
COVERAGE = "coverage"  # in the JSON beside a fit's scores: how many of the clips that it is tested on were scored
# in params.yaml whatever is not printed is a control, so that this tells a submission
ENTRY = DetectorEntry.model_construct(printed=None, control=False, sees=None, parameters=None, defaults={})

Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,19}$")]


class Submission(Strict):
    """What is known of a submitted detector, beside its scores."""

    corpus: Text
    profile: Text
    seed: Seed  # with corpus and profile: which clips were scored
    meta: dict[Key, Text]  # whatever its authors say of it


def names(paths: Paths) -> list[str]:
    """The submitted detectors, in the order in which they are shown."""
    found = (paths.results / "scores").glob(f"*/{ABOUT}")
    return sorted(file.parent.name for file in found if not file.parent.name.startswith("."))


def about(paths: Paths, name: str) -> Submission:
    """What is known of one; raises DataError if its file does not say it."""
    file = paths.results / "scores" / name / ABOUT
    try:
        return Submission.model_validate(read_json(file))
    except ValidationError as fault:
        first = fault.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise DataError(f"{paths.relative(file)}: {where or 'it'}: {first['msg'].lower()}; {_remove(name)}") from None


def coverage(paths: Paths, params: Params, name: str) -> dict[str, tuple[int, int]]:
    """Each fit that a submitted detector has scores of -> how many clips were scored, and how many were to be."""
    found: dict[str, tuple[int, int]] = {}
    for fit in params.fits:
        file = ScoreFile(paths, params, name, fit)
        match score_files.about(file).get(COVERAGE):
            case {"scored": int(scored), "of": int(of)}:
                found[fit] = scored, of
            case said if said is not None:
                raise DataError(
                    f"{paths.relative(file.beside)} does not say how many clips were scored; {_remove(name)}"
                )
    return found


def compared(paths: Paths, params: Params) -> Params:
    """The settings with the submitted detectors among the others; the same object where there are none.

    Raises DataError for one whose clips are not those of the active profile, or whose name is taken.
    """
    found = names(paths)
    for name in found:
        _check(paths, params, name)
    if not found:
        return params
    active = params.active
    profile = active.model_copy(update={"detectors": {**active.detectors, **{name: {} for name in found}}})
    return params.model_copy(
        update={
            "detectors": {**params.detectors, **dict.fromkeys(found, ENTRY)},
            "profiles": {**params.profiles, params.profile: profile},
        }
    )


def outside(params: Params) -> frozenset[str]:
    """The submitted ones among the detectors of settings that `compared` gave."""
    return frozenset(name for name, entry in params.detectors.items() if not entry.printed and not entry.control)


def partly_scored(paths: Paths, params: Params) -> dict[str, str]:
    """Submitted detector -> a sentence on how many clips of its fits have scores; none where all have."""
    found = {}
    for name in sorted(outside(params)):
        shares = coverage(paths, params, name)
        parts = [f"{scored} of {of} clips (fit {fit})" for fit, (scored, of) in shares.items() if scored < of]
        if parts:
            found[name] = f"{name} was scored on {', '.join(parts)}."
    return found


def trained_here(params: Params) -> Params:
    """The settings without them: of a control corpus nobody submits scores."""
    gone = outside(params)
    own = {name: entry for name, entry in params.detectors.items() if name not in gone}
    return params.model_copy(update={"detectors": own}) if gone else params


def _check(paths: Paths, params: Params, name: str) -> None:
    check_free(params, name)
    said, active = about(paths, name), params.active
    scored, asked = (said.corpus, said.profile, said.seed), (active.corpus, params.profile, active.seed)
    if scored != asked:
        shown = partial("corpus {}, profile {}, seed {}".format)
        raise DataError(
            f"{name} was scored on clips of {shown(*scored)}, but params.yaml asks for {shown(*asked)}; {_remove(name)}"
        )


def _remove(name: str) -> str:
    return f"`thb scores remove {name}`, and add it again"


# names that tables give to something else, and words that a table of numbers is read without
TAKEN = ("mean", "main", "all detectors", "nan", "none", "null", "na", "true", "false", "inf", "infinity")


def check_free(params: Params, name: str) -> None:
    """Raises ParamsError unless the name is one, begins with a letter, and stands for nothing else in a table."""
    check_name("detector", name)
    if not name[0].isalpha():
        raise ParamsError(f"detector {name!r} begins with a digit; a name begins with a letter")
    entries = {**params.detectors, **params.sources}
    taken = [*TAKEN, *entries, *(entry.printed for entry in entries.values() if entry.printed)]
    if (same := {one.casefold(): one for one in taken}.get(name.casefold())) is not None:
        raise ParamsError(f"detector {name!r} would be taken for {same!r}, which is there already; choose another name")
