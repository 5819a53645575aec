"""What made a result: corpus, profile, seed, settings and code. A reader refuses a result of another origin.

Each stage writes its origin beside what it makes, with a hash of every file, and each reader compares: the origin with
the one that the same stage would write now, the hashes with the files. So a folder of another profile, a file that was
cut, or a result of other code gives one clear line and never a number.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from thb.core import code
from thb.core.errors import DataError
from thb.core.params import Params
from thb.core.paths import RECORD, Paths, variant_option
from thb.core.tables import read_json, write_json

_SHORT = 16  # hex digits of a digest of settings


@dataclass(frozen=True)
class Origin:
    """What made a result; the digests are of what a stage reads of params.yaml, and of its code."""

    stage: str
    corpus: str
    profile: str
    seed: int
    settings: str
    code: str

    def __str__(self) -> str:
        return f"corpus {self.corpus}, profile {self.profile}, seed {self.seed}"


# ---- what each stage depends on ---------------------------------------------------------------------


def of_raw(paths: Paths, params: Params) -> Origin:
    """Of data/raw, as `fetch` would make it."""
    active = params.active
    render = active.render and active.render.model_dump()
    if render and paths.variant:
        render |= params.ablations[paths.variant].model_dump(exclude_none=True)
    sources = {name: _clips_of(params, name) for name in params.sources}
    settings = [sources, render, active.revision, active.reals.compression]
    return _origin(params, paths.variant, "fetch", settings)


def of_store(paths: Paths, params: Params, source: str) -> Origin:
    """Of data/clips/<source>, as `prepare` would make it."""
    active = params.active
    net = params.nets[active.finder].sha256 if active.finder in params.nets else ""
    settings = [_clips_of(params, source), active.store.model_dump(), active.finder, net]
    return _origin(params, "" if source in paths.shared else paths.variant, "prepare", settings)


def of_splits(paths: Paths, params: Params) -> Origin:
    """Of data/splits and the tables of the corpus, as `split` would make them."""
    settings = [{name: _clips_of(params, name) for name in params.sources}, _dumped(params.protocols)]
    return _origin(params, paths.variant, "split", settings)


def of_fit(paths: Paths, params: Params, detector: str) -> Origin:
    """Of weights, as `train` would make them."""
    return _origin(params, paths.variant, "train", _trained(params, detector), f"detectors.{detector}")


def of_import(params: Params, detector: str, settings: Mapping[str, Any]) -> Origin:
    """Of weights that `import-weights` took over, which depend on no clip here."""
    return _origin(params, "", "import_weights", settings, f"detectors.{detector}")


def of_scores(paths: Paths, params: Params, detector: str) -> Origin:
    """Of score files, as `score` would make them."""
    return _origin(params, paths.variant, "score", _trained(params, detector), f"detectors.{detector}")


def of_cells(paths: Paths, params: Params) -> Origin:
    """Of cells.csv and what goes with it, as `evaluate` would make them."""
    compared = {name: [entry.printed, entry.control] for name, entry in params.detectors.items()}
    settings = [
        _dumped(params.sources),
        _dumped(params.protocols),
        params.metrics.model_dump(),
        compared,
        params.ablated,
    ]
    return _origin(params, paths.variant, "evaluate", settings)


def of_maps(paths: Paths, params: Params, detector: str) -> Origin:
    """Of heat maps and pooled scores, as `explain` would make them."""
    active = params.active
    settings = [
        params.explain.model_dump(),
        active.explain.model_dump(),
        active.store.model_dump(),
        params.metrics.first_fpr,
        _dumped(params.protocols),
    ]
    return _origin(params, paths.variant, "explain", settings, f"detectors.{detector}")


def of_faces(paths: Paths, params: Params, net: str) -> Origin:
    """Of what a network found of faces in training and test, as `identity` would."""
    settings = [params.identity_settings(net), params.nets[net].sha256, _dumped(params.protocols)]
    return _origin(params, paths.variant, "identity", settings)


def of_contact(paths: Paths, params: Params) -> Origin:
    """Of data/contact.npz, as `contact` would make it."""
    return _origin(params, paths.variant, "contact", params.active.store.model_dump())


def _origin(params: Params, variant: str, stage: str, settings: Any, *modules: str) -> Origin:
    active = params.active
    corpus = f"{active.corpus}/{variant}" if variant else active.corpus
    return Origin(
        stage, corpus, params.profile, active.seed, digest(settings), code.digest(code.DOORS[stage], *modules)
    )


def _trained(params: Params, detector: str) -> list[Any]:
    return [params.detector(detector), params.active.training_seed]


def _clips_of(params: Params, name: str) -> dict[str, Any]:
    """The settings that decide on a source's clips: all but its words, except those by which reals are listed."""
    source = params.source(name)
    words = {"printed", "family", "driven_by"} if source.label else {"family", "driven_by"}
    return source.model_dump(exclude=words)


def _dumped(entries: Mapping[str, Any]) -> dict[str, Any]:
    return {name: entry.model_dump() for name, entry in entries.items()}


# ---- comparing --------------------------------------------------------------------------------------


def check(found: object, wanted: Origin, what: str, mend: str) -> None:
    """DataError if another origin made it; `found` is what a record holds, `mend` the command that helps."""
    made = _parsed(found)
    if made is None or made.stage != wanted.stage:
        raise DataError(f"{what} does not say what made it; run `{mend}`")
    if str(made) != str(wanted):
        raise DataError(
            f"{what} is of {made}, but params.yaml asks for {wanted}; run `{mend}`"
            + (f", or `thb profile {made.profile}`" if made.profile != wanted.profile else "")
        )
    if made.settings != wanted.settings:
        raise DataError(
            f"{what} was made with other settings of {wanted.stage} ({made.settings} there, params.yaml "
            f"now gives {wanted.settings}); run `{mend}`"
        )
    if made.code != wanted.code:
        raise DataError(_other_code(made, wanted.code, what, mend))


def check_code(found: object, what: str, mend: str, *modules: str) -> None:
    """Refuse what was made by other code than these modules are now, whatever else made it."""
    made, now = _parsed(found), code.digest(*modules)
    if made is None:
        raise DataError(f"{what} does not say what made it; run `{mend}`")
    if made.code != now:
        raise DataError(_other_code(made, now, what, mend))


def _other_code(made: Origin, now: str, what: str, mend: str) -> str:
    return f"{what} was made by other code of {made.stage} ({made.code} there, {now} now); run `{mend}`"


def _parsed(found: object) -> Origin | None:
    try:
        return Origin(**found) if isinstance(found, Mapping) else None
    except TypeError:
        return None


def check_files(paths: Paths, folder: Path, record: Mapping[str, Any], names: Iterable[str], mend: str) -> None:
    """Refuse files that are not, byte for byte, those that the record was written with."""
    known = record.get("files")
    for name in names:
        file = folder / name
        if not file.is_file():
            raise DataError(f"missing {paths.relative(file)}; run `{mend}`")
        listed = known.get(name) if isinstance(known, Mapping) else None
        if listed != sha256(file):
            raise DataError(
                f"{paths.relative(file)} is not the file that was written there "
                f"(SHA-256 {sha256(file)[:_SHORT]}…, recorded {str(listed)[:_SHORT]}…); run `{mend}`"
            )


def record(made_by: Origin, folder: Path, names: Iterable[str], **more: Any) -> dict[str, Any]:
    """What is written beside files: their origin, and a hash of each."""
    return {"made_by": asdict(made_by), "files": {name: sha256(folder / name) for name in names}, **more}


def read(path: Path, wanted: Origin, paths: Paths, mend: str, what: Path | None = None) -> dict[str, Any]:
    """A record, DataError unless `wanted` wrote it; `what` it speaks for (default: the file itself)."""
    found = read_json(path)
    if not isinstance(found, Mapping):
        raise DataError(f"{paths.relative(path)} is no record of what made a result; run `{mend}`")
    check(found.get("made_by"), wanted, paths.relative(what or path), mend)
    return dict(found)


def check_raw(paths: Paths, params: Params) -> None:
    """Refuse clips in data/raw that are not those of the active profile."""
    if not paths.raw_record.is_file():
        raise DataError(f"{paths.relative(paths.raw)} does not say what made it; run `{_fetch(paths)}`")
    read(paths.raw_record, of_raw(paths, params), paths, _fetch(paths), paths.raw)


def _fetch(paths: Paths) -> str:
    return f"thb fetch{variant_option(paths.variant)}"


def split_command(paths: Paths) -> str:
    """The command that makes the splits, and the tables of the corpus, anew."""
    return f"thb split{variant_option(paths.variant)}"


def part(record: Mapping[str, Any], key: str, what: str, mend: str) -> Mapping[str, Any]:
    """A mapping that a record holds; DataError without it, as what it vouches for would go unchecked."""
    found = record.get(key)
    if not isinstance(found, Mapping):
        raise DataError(f"the record of {what} has no mapping {key!r}; run `{mend}`")
    return found


def write_maps(paths: Paths, params: Params, detector: str, names: Iterable[str], **more: Any) -> None:
    """The records of results/cams/<detector>, whose files are `names`, and of results/pools/<detector>.csv."""
    made_by, folder, pools = of_maps(paths, params, detector), paths.cams(detector), paths.pools(detector)
    write_json(record(made_by, folder, names, **more), folder / RECORD)
    write_json(record(made_by, pools.parent, [pools.name], **more), pools.with_suffix(".json"))


# ---- digests ----------------------------------------------------------------------------------------


def digest(value: Any) -> str:
    """A short digest of plain values, numbers by their value (1 and 1.0 are the same)."""
    text = json.dumps(_plain(value), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:_SHORT]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes; a file that does not change is read once a process."""
    if not path.is_file():
        raise DataError(f"missing {path.name} in {path.parent}; run `dvc repro` to make it")
    about = path.stat()
    return _hashed(path, about.st_size, about.st_mtime_ns, about.st_ino)


@lru_cache(maxsize=4096)
def _hashed(path: Path, *state: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
