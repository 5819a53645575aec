"""Score files: written with a record of what made them, and read only if it is what would make them now.

A score file is a contract between detectors and everything that is computed from scores: one row a clip, beside it a
JSON of the same name. What it must hold follows from the clips of the corpus and the fit alone, so it is held against
those: every clip once, with the label, role and use that it has there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from thb.core import csv_checks, origin
from thb.core.errors import DataError
from thb.core.params import Params
from thb.core.paths import Paths, variant_option
from thb.core.tables import (
    OK,
    SCORE_COLUMNS,
    SHUFFLED_COLUMNS,
    TESTED_COLUMNS,
    read_csv,
    read_json,
    shuffled_columns,
    write_csv,
    write_json,
)
from thb.fits import weights
from thb.splits import assignment

SCORES, SHUFFLED_SOUND, SHUFFLED_LABELS = "scores", "scores of shuffled sound", "scores of shuffled labels"
GIVEN = "given_by"  # in the JSON of scores that were computed elsewhere: by whom, or by what
COMPARED = ["source", "role", "label", "split", "portrait", "video", "use"]  # what a row must say of its clip


@dataclass(frozen=True)
class ScoreFile:
    """Where one fit's scores are, and what made them if they are of the active profile."""

    paths: Paths
    params: Params
    detector: str
    fit: str
    kind: str = SCORES

    @property
    def path(self) -> Path:
        place = {
            SCORES: self.paths.scores,
            SHUFFLED_SOUND: self.paths.shuffled_sound,
            SHUFFLED_LABELS: self.paths.shuffled_labels,
        }
        return place[self.kind](self.detector, self.fit)

    @property
    def beside(self) -> Path:
        """The JSON that says what made the scores."""
        return self.path.with_suffix(".json")

    @property
    def columns(self) -> list[str]:
        if self.kind != SHUFFLED_LABELS:
            return SCORE_COLUMNS
        return [*SHUFFLED_COLUMNS, *shuffled_columns(self.params.label_check(self.detector))]

    @property
    def scored(self) -> list[str]:
        """The columns that hold scores."""
        return [name for name in self.columns if name not in SHUFFLED_COLUMNS]

    @property
    def uses(self) -> tuple[str, ...]:
        """How the fit uses the clips that are scored."""
        return (assignment.TEST,) if self.kind == SHUFFLED_LABELS else (assignment.VAL, assignment.TEST)

    @property
    def mend(self) -> str:
        """The command that makes them anew."""
        option = {SCORES: "", SHUFFLED_SOUND: " --shuffle-sound", SHUFFLED_LABELS: " --shuffle-labels"}[self.kind]
        return f"thb score {self.detector} {self.fit}{option}{variant_option(self.paths.variant)}"

    @property
    def made_by(self) -> origin.Origin:
        return origin.of_scores(self.paths, self.params, self.detector)

    def __str__(self) -> str:
        return self.paths.relative(self.path)


# ---- writing ----------------------------------------------------------------------------------------


def write(file: ScoreFile, rows: pd.DataFrame, fits: Sequence[weights.Trained], **more: Any) -> None:
    """The scores, and beside them what made them: the code, and the weights with what made those."""
    file.beside.unlink(missing_ok=True)  # until all is written, nothing vouches for it
    write_csv(rows, file.path, file.columns)
    _record(
        file,
        {
            "fit_made_by": fits[0].about.get("made_by"),
            **more,
            "weights_sha256": [fit.run["files"][weights.FILE] for fit in fits],
        },
    )


def leave_out(file: ScoreFile, why: str) -> None:
    """Scores of other clips must not be taken for these: an empty table in their place, the reason beside it."""
    file.beside.unlink(missing_ok=True)
    write_csv(pd.DataFrame(columns=file.columns), file.path, file.columns)
    _record(file, {"absent": why})


def _record(file: ScoreFile, about: Mapping[str, Any]) -> None:
    write_json(
        origin.record(
            file.made_by,
            file.path.parent,
            [file.path.name],
            kind=file.kind,
            detector=file.detector,
            fit=file.fit,
            **about,
        ),
        file.beside,
    )


# ---- reading ----------------------------------------------------------------------------------------


def about(file: ScoreFile) -> dict[str, Any]:
    """What the JSON beside the scores says, if the active profile would make the very same, or somebody gave them."""
    if not file.path.is_file():
        raise DataError(f"missing {file}; run `dvc repro`, or `{file.mend}`")
    found = read_json(file.beside) if file.beside.is_file() else {}
    given = isinstance(found, Mapping) and GIVEN in found
    found = _given(file, found) if given else origin.read(file.beside, file.made_by, file.paths, file.mend, file.path)
    if (of := (found.get("kind"), found.get("detector"), found.get("fit"))) != (file.kind, file.detector, file.fit):
        raise DataError(f"{file} holds the {of[0]} of {of[1]}/{of[2]}; run `{file.mend}`")
    origin.check_files(file.paths, file.path.parent, found, [file.path.name], file.mend)
    if not given and "absent" not in found:
        _check_weights(file, found)
    return found


def _given(file: ScoreFile, found: Mapping[str, Any]) -> dict[str, Any]:
    """Scores that were computed elsewhere; whoever gives them says for which corpus and profile they are."""
    wanted = {"corpus": file.params.active.corpus, "profile": file.params.profile}
    said = {key: found.get(key) for key in wanted}
    if said != wanted:
        raise DataError(
            f"{file} is given for corpus {said['corpus']}, profile {said['profile']}, but params.yaml asks "
            f"for corpus {wanted['corpus']}, profile {wanted['profile']}; run `thb profile`, or remove it"
        )
    return {"kind": SCORES, **found}


def _check_weights(file: ScoreFile, found: Mapping[str, Any]) -> None:
    """The fit behind the scores, as the active profile would train it; and, if it is here, that very one."""
    if not weights.is_imported(found):
        command = weights.train_command(file.detector, file.fit, file.paths.variant)
        origin.check(
            found.get("fit_made_by"),
            origin.of_fit(file.paths, file.params, file.detector),
            f"the fit behind {file}",
            f"{command}` and `{file.mend}",
        )
    run = file.paths.run(file.detector, file.fit) / weights.RUN
    if file.kind != SHUFFLED_LABELS and run.is_file():
        said = read_json(run)
        files = said.get("files") if isinstance(said, Mapping) else None
        here = files.get(weights.FILE) if isinstance(files, Mapping) else None
        if found.get("weights_sha256") != [here]:
            raise DataError(
                f"{file} is of other weights than {file.paths.relative(run.parent)} holds; run `{file.mend}`"
            )


def absent(file: ScoreFile) -> str:
    """Why there are no scores, as `leave_out` wrote ('' if there are, or no file is)."""
    if not file.path.is_file() or not file.beside.is_file():
        return ""
    why = str(about(file).get("absent", ""))
    if why and len(read_csv(file.path, file.columns)):
        raise DataError(f"{file} has scores, but its record says that there are none ({why[:80]!r}); run `{file.mend}`")
    return why


def read(file: ScoreFile) -> pd.DataFrame:
    """The scores; refused unless what made them is what would make them now."""
    about(file)
    table = read_csv(file.path, file.columns)
    csv_checks.check_scores(file.path, file.scored)
    return table


def read_against(file: ScoreFile, clips: pd.DataFrame) -> pd.DataFrame:
    """The scores, every value checked, and held against the corpus's clips (TESTED_COLUMNS)."""
    table = read(file)
    listed = clips.assign(use=assignment.uses(clips, file.fit))
    listed = listed[listed["use"].isin(file.uses)].set_index("clip")
    usable, own = listed.index[(listed["status"] == OK).to_numpy()], table.set_index("clip")
    # a clip that is missing here may have been scored elsewhere
    for name, odd in (("lacks", usable.difference(own.index)), ("has", own.index.difference(listed.index))):
        if len(odd):
            raise DataError(
                f"{file} {name} clip {odd[0]!r} ({len(odd)} in all), which the split of fit {file.fit!r} "
                f"{'has' if name == 'lacks' else 'lacks'}; run `{file.mend}`"
            )
    for column in COMPARED:
        differs = (own[column] != listed[column].reindex(own.index)).to_numpy()
        if differs.any():
            clip = own.index[differs][0]
            raise DataError(
                f"{file}: clip {clip!r} has {column} {str(own.loc[clip, column])!r}, but the split of fit "
                f"{file.fit!r} says {str(listed.loc[clip, column])!r}; run `{file.mend}`"
            )
    return table


# ---- the clips that are tested ----------------------------------------------------------------------


def read_tested(paths: Paths, params: Params) -> pd.DataFrame:
    """TESTED_COLUMNS of the corpus at hand, as `split` left them: made by the code and settings of today, and whole."""
    mend = origin.split_command(paths)
    record = origin.read(paths.tested_record, origin.of_splits(paths, params), paths, mend, paths.tested)
    what = paths.relative(paths.tested)
    names = [name for name in origin.part(record, "files", what, mend) if (paths.results / name).name == name]
    origin.check_files(paths, paths.results, record, {paths.tested.name, *names}, mend)
    made_by = origin.part(record, "clips_made_by", what, mend)
    if made_by.get("fetch"):
        origin.check(made_by["fetch"], origin.of_raw(paths, params), f"the corpus behind {what}", "dvc repro")
    for source, found in (origin.part(made_by, "prepare", what, mend) if made_by else {}).items():
        origin.check(
            found, origin.of_store(paths, params, source), f"the store of {source!r} behind {what}", "dvc repro"
        )
    return read_csv(paths.tested, TESTED_COLUMNS)
