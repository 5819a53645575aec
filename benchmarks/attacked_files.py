"""Changed results, weights, stores and splits: each is refused in one line, or means what a lawful one would mean.

    python benchmarks/attacked_files.py                 # 150 score files, 100 others; a few minutes
    python benchmarks/attacked_files.py --scores 30 --others 20 --seed 3

A small finished clone is made (two sources, TALL and the container trained and scored for real, the other fits'
scores invented), one thing in it is changed, and it is read as the commands read it: score files by `evaluate`;
weights and run.json by `score` and `detect`; stores by whoever opens clips; splits by `train` and `score`. In half of
the cases the hash that is recorded beside a file is changed to match: then only what a file must hold can tell.
Whether what was accepted is lawful is decided here, by rules written apart from thb's. The exit status is 1 unless
nothing wrong was accepted and nothing ended in a traceback.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import random
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import safetensors.numpy
from safetensors import safe_open

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))
import stores
import vouching

from thb.cells import evaluate
from thb.clips import clip_store
from thb.core import params
from thb.core.errors import ThbError
from thb.core.params_schema import Explained
from thb.core.paths import RECORD, Paths
from thb.core.tables import OK, SCORE_COLUMNS, SPLIT_COLUMNS, write_csv
from thb.detect import verdicts
from thb.fits import score, train, weights
from thb.fits.score_files import ScoreFile
from thb.splits import assignment
from thb.splits.clips_of_fit import clips_of_fit

ROOT = Path(__file__).resolve().parent.parent
OUTCOMES = ("refused in one line", "accepted and lawful", "accepted and wrong", "traceback")
FINE = OUTCOMES[:2]
TINY = {"epochs": 1, "size": 32, "thumbnail": 64, "dim": 16, "window": 4}
CLIPS = 24


# ---- the clone --------------------------------------------------------------------------------------


@dataclass
class Clone:
    """A finished clone whose files are put back after each change."""

    paths: Paths
    params: params.Params
    before: dict[Path, bytes] = field(default_factory=dict)

    def put(self, file: Path, content: bytes) -> None:
        self.before.setdefault(file, file.read_bytes())
        file.unlink(missing_ok=True)
        file.write_bytes(content)

    def original(self, file: Path) -> bytes:
        return self.before.get(file) or file.read_bytes()

    def restore(self) -> None:
        for file, content in self.before.items():
            file.unlink(missing_ok=True)
            file.write_bytes(content)
        self.before.clear()


def small(given: params.Params) -> params.Params:
    """Profile smoke with one generator, one source of reals, two detectors and few resamples."""
    made = stores.smoke(given, tall=TINY)
    profile = made.active.model_copy(update={"explain": Explained(units=1, reals=1)})
    return made.model_copy(
        update={
            "generators": {"hallo": given.generators["hallo"]},
            "explained": ["tall"],
            "ablated": [],
            "label_checks": {},
            "sources": {source: given.sources[source] for source in stores.SOURCES},
            "sound_checks": [],
            "protocols": {"P1": given.protocols["P1"]},
            "metrics": given.metrics.model_copy(update={"bootstrap": 20}),
            "detectors": {name: given.detectors[name] for name in ("tall", "container")},
            "profiles": {**made.profiles, "smoke": profile},
        }
    )


def finished(root: Path) -> Clone:
    own = small(params.load(ROOT / "params.yaml"))
    paths = stores.write_store(root, own, clips=CLIPS, broken=0)
    vouching.for_raw(paths, own)
    stores.vouch(paths, own)
    clips = pd.concat([clip_store.read_clips(paths, own, source) for source in stores.SOURCES], ignore_index=True)
    for fit in own.fits:
        write_csv(clips.assign(use=assignment.uses(clips, fit)), paths.split(fit), SPLIT_COLUMNS)
    stores.vouch_for_splits(paths, own)
    vouching.for_tables(paths, own, clips)
    for number, (detector, fit) in enumerate((d, f) for d in own.detectors for f in own.fits):
        file = ScoreFile(paths, own, detector, fit)
        if fit == "all":
            train.run(paths, own, detector, fit)
            score.run(paths, own, detector, fit)
            continue
        rows = clips.assign(
            use=assignment.uses(clips, fit),
            status=OK,
            reason="",
            score=np.random.default_rng(number).uniform(size=len(clips)),
        )
        write_csv(rows[rows["use"].isin(["val", "test"])], file.path, SCORE_COLUMNS)
        vouching.for_score_file(file)
    return Clone(paths, own)


# ---- bytes ------------------------------------------------------------------------------------------


def _zipped(content: bytes, rng: random.Random) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("file", content)
    return held.getvalue()


def _flipped(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << rng.randrange(8)]) + content[at + 1 :]


def _into(odd: bytes) -> Callable[[bytes, random.Random], bytes]:
    def put(content: bytes, rng: random.Random) -> bytes:
        at = rng.randrange(len(content))
        return content[:at] + odd + content[at:]

    return put


BYTES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "cut": lambda b, rng: b[: rng.randrange(len(b))],
    "cut at a line's end": lambda b, rng: b"".join(b.splitlines(True)[: rng.randrange(1, max(2, b.count(b"\n")))]),
    "a bit flipped": _flipped,
    "bytes added at the end": lambda b, rng: b + rng.randbytes(rng.randrange(1, 40)),
    "emptied": lambda b, rng: b"",
    "zipped": _zipped,
    "latin-1 byte": _into(b"\xe9"),
    "NUL byte": _into(b"\0"),
    "all zeros": lambda b, rng: b"\0" * len(b),
    "random bytes": lambda b, rng: rng.randbytes(200),
}


# ---- score files ------------------------------------------------------------------------------------


def _rows(content: bytes) -> tuple[list[str], list[list[str]]]:
    head, *rows = csv.reader(io.StringIO(content.decode()))
    return head, rows


def _text(head: list[str], rows: list[list[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([head, *rows])
    return out.getvalue().encode()


def of_rows(change: Callable) -> Callable[[bytes, random.Random], bytes]:
    """(head, rows, chance) -> nothing, in place."""

    def changed(content: bytes, rng: random.Random) -> bytes:
        head, rows = _rows(content)
        change(head, rows, rng)
        return _text(head, rows)

    return changed


def value(column: str, *choices: str, all_rows: bool = False) -> Callable:
    def change(head: list[str], rows: list[list[str]], rng: random.Random) -> None:
        at = head.index(column)
        for row in rows if all_rows else [rng.choice(rows)]:
            row[at] = rng.choice([choice for choice in choices if choice != row[at]] or choices)

    return of_rows(change)


def _swap_columns(head, rows, rng) -> None:
    a, b = rng.sample(range(len(head)), 2)
    for row in rows if rng.random() < 0.5 else [head]:  # of one of the two only: the values no longer fit
        row[a], row[b] = row[b], row[a]


def _drop_column(head, rows, rng) -> None:
    at = rng.randrange(len(head))
    for row in (head, *rows):
        del row[at]


def _double_column(head, rows, rng) -> None:
    at = rng.randrange(len(head))
    for row in (head, *rows):
        row.append(row[at])


def _move_columns(head, rows, rng) -> None:
    order = rng.sample(range(len(head)), len(head))
    for row in (head, *rows):
        row[:] = [row[i] for i in order]


def _exchange_labels(head, rows, rng) -> None:
    at = head.index("label")
    for row in rows:
        row[at] = str(1 - int(row[at]))


ROWS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "row dropped": of_rows(lambda h, rows, rng: rows.pop(rng.randrange(len(rows)))),
    "half of the rows dropped": of_rows(lambda h, rows, rng: rows.__delitem__(slice(len(rows) // 2, None))),
    "head only": of_rows(lambda h, rows, rng: rows.clear()),
    "row doubled": of_rows(lambda h, rows, rng: rows.append(list(rng.choice(rows)))),
    "row invented": of_rows(lambda h, rows, rng: rows.append([rows[0][0] + "x", *rng.choice(rows)[1:]])),
    "rows in another order": of_rows(lambda h, rows, rng: rng.shuffle(rows)),
    "row too long": of_rows(lambda h, rows, rng: rng.choice(rows).append("1")),
    "all rows too long": of_rows(lambda h, rows, rng: [row.insert(0, "1") for row in rows]),
    "row too short": of_rows(lambda h, rows, rng: rng.choice(rows).pop()),
    "column dropped": of_rows(_drop_column),
    "column renamed": of_rows(lambda h, rows, rng: h.__setitem__(rng.randrange(len(h)), "other")),
    "column twice": of_rows(_double_column),
    "columns swapped under their heads": of_rows(_swap_columns),
    "columns in another order": of_rows(_move_columns),
    "score out of range": value("score", "-0.1", "1.0001", "7.5", "1e9", "-inf"),
    "score no number": value("score", "nan", "inf", "", "high", "0,5", "0x1"),
    "another score": value("score", "0", "1", "0.25", "1e-3"),
    "another label": value("label", "0", "1", "2", "", "0.5"),
    "all labels exchanged": of_rows(_exchange_labels),
    "another role": value("role", "real", "generator", "unseen", "swap", "", "Real"),
    "another split": value("split", "train", "val", "test", "", "TEST"),
    "another use": value("use", "val", "test", "train", "unused", ""),
    "validation called test": value("use", "test", all_rows=True),
    "another source": value("source", "hallo", "ffpp", "nobody", ""),
    "another portrait": value("portrait", "99999", "", "0"),
    "another clip": value("clip", "ffpp-999", "", "../x", "a\nb", "\x1b[31m"),
    "another status": value("status", "error", "missing", "fine", "", "OK"),
    "all scores the same clip's": of_rows(lambda h, rows, rng: [row.__setitem__(0, rows[0][0]) for row in rows]),
}

JSON_VALUES = [None, [], {}, 3, "x", True, float("nan")]


def _json_key(said: Any, rng: random.Random, deep: bool = True) -> Any:
    """Another value under some key, the key lost, or another key."""
    holder = said
    while deep and rng.random() < 0.6 and (inner := [v for v in holder.values() if isinstance(v, dict) and v]):
        holder = rng.choice(inner)
    key = rng.choice(sorted(holder))
    if (way := rng.randrange(3)) == 0:
        del holder[key]
    else:
        holder[key if way == 1 else key + "x"] = rng.choice(JSON_VALUES)
    return said


def _origin_of_other(said: Any, rng: random.Random) -> Any:
    key, other = rng.choice(
        [
            ("profile", "paper"),
            ("seed", 1),
            ("corpus", "hub"),
            ("code", "0" * 16),
            ("stage", "x"),
            ("settings", "0" * 16),
            ("corpus", "mini/no_artefacts"),
        ]
    )
    for name in rng.sample(["made_by", "fit_made_by"], 2):
        if name in said:
            said[name][key] = other
            break
    return said


JSONS: dict[str, Callable[[Any, random.Random], Any]] = {
    "JSON: another key or value": _json_key,
    "JSON: another profile, seed or code": _origin_of_other,
    "JSON: of another shape": lambda said, rng: rng.choice([[], [said], 3, None, "x", {}, {"files": 3}]),
}
BROKEN_JSON = [b"", b"{", b"[]", b"\xff", b"nul", b"<<<<<<< HEAD\n{}", b"[" * 100_000, b'{"a": 1}{"b": 2}']


def score_mutation(clone: Clone, kind: str, recorded: bool, rng: random.Random) -> str:
    """Change one score file of a fit that is there; where it lies comes back."""
    detector = rng.choice(list(clone.params.detectors))
    file = ScoreFile(clone.paths, clone.params, detector, "all")
    content, beside = file.path.read_bytes(), file.beside.read_bytes()
    if kind in BYTES or kind in ROWS:
        clone.put(file.path, (BYTES | ROWS)[kind](content, rng))
    elif kind in JSONS:
        clone.put(file.beside, json.dumps(JSONS[kind](json.loads(beside), rng)).encode())
        return str(file)
    elif kind == "JSON: broken":
        clone.put(file.beside, rng.choice([*BROKEN_JSON, beside[: rng.randrange(len(beside))]]))
        return str(file)
    elif kind == "JSON: says that there are no scores":
        clone.put(file.beside, json.dumps({**json.loads(beside), "absent": "no clip"}).encode())
        return str(file)
    else:
        detector, fit = (
            (rng.choice([d for d in clone.params.detectors if d != detector]), "all")
            if "detector" in kind
            else (detector, rng.choice([f for f in clone.params.fits if f != "all"]))
        )
        other = ScoreFile(clone.paths, clone.params, detector, fit)
        clone.put(file.path, other.path.read_bytes())
        clone.put(other.path, content)
        if "JSON" in kind:
            clone.put(file.beside, other.beside.read_bytes())
            clone.put(other.beside, beside)
        elif recorded:
            _record(clone, other.beside, other.path)
    if recorded and "JSON" not in kind:
        _record(clone, file.beside, file.path)
    return str(file)


def _record(clone: Clone, beside: Path, file: Path) -> None:
    """The hash beside a file as if it had been written so."""
    said = json.loads(beside.read_bytes())
    said["files"][file.name] = sha256(file.read_bytes()).hexdigest()
    clone.put(beside, json.dumps(said).encode())


SWAPS = (
    "two detectors' files swapped",
    "two fits' files swapped",
    "two detectors' files swapped with their JSON",
    "two fits' files swapped with their JSON",
)
SCORE_KINDS = [*BYTES, *ROWS, *JSONS, "JSON: broken", "JSON: says that there are no scores", *SWAPS]


def scores_are_lawful(clone: Clone) -> bool:
    """Every file holds the clips that it held, each once, with all that was said of it, and scores that can be."""
    return all(
        _same_but_scores(clone, ScoreFile(clone.paths, clone.params, d, f))
        for d in clone.params.detectors
        for f in clone.params.fits
    )


def _tables(was: bytes, now: bytes, columns: Sequence[str]) -> tuple[list[dict], list[dict]] | None:
    """The rows of a CSV before and after; None if it has become no table with each of these columns once."""
    try:
        before, after = (list(csv.DictReader(io.StringIO(content.decode()), strict=True)) for content in (was, now))
        head = next(csv.reader(io.StringIO(now.decode())))
    except (UnicodeDecodeError, csv.Error, StopIteration):
        return None
    whole = all(head.count(column) == 1 for column in columns) and not any(None in row for row in after)
    return (before, after) if whole else None


def _same_but_scores(clone: Clone, file: ScoreFile) -> bool:
    was, now = clone.original(file.path), file.path.read_bytes()
    if not _record_holds(
        clone, file.beside, file.path, ("kind", "detector", "fit", "made_by", "fit_made_by", "weights_sha256", "absent")
    ):
        return False
    if was == now:
        return True
    if (tables := _tables(was, now, SCORE_COLUMNS)) is None:
        return False
    before, after = tables
    kept = [column for column in SCORE_COLUMNS if column not in ("score", "status", "reason")]
    if sorted(tuple(row[c] for c in kept) for row in before) != sorted(tuple(row[c] for c in kept) for row in after):
        return False
    return all(
        _is_score(row["score"])
        if row["status"] == "ok"
        else row["status"] in ("error", "missing", "no_audio") and (row["score"] == "" or _is_score(row["score"]))
        for row in after
    )


def _is_score(text: str | None) -> bool:
    try:
        return 0 <= float(text or "nan") <= 1
    except ValueError:
        return False


def _record_holds(clone: Clone, beside: Path, file: Path, keys: tuple[str, ...]) -> bool:
    """It vouches for the file as it is, and says what it said under these keys."""
    try:
        was, now = json.loads(clone.original(beside)), json.loads(beside.read_bytes())
    except (ValueError, RecursionError):
        return False
    hashed = isinstance(now, dict) and isinstance(now.get("files"), dict) and now["files"].get(file.name)
    return hashed == sha256(file.read_bytes()).hexdigest() and all(was.get(key) == now.get(key) for key in keys)


# ---- weights, stores, splits ------------------------------------------------------------------------


def _said_of(content: bytes, folder: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    file = folder / "read.safetensors"
    file.write_bytes(content)
    with safe_open(file, framework="numpy") as opened:
        about = opened.metadata()
    return safetensors.numpy.load(content), about


def of_words(change: Callable[[dict, random.Random], None]) -> Callable[[bytes, random.Random], bytes]:
    """Weights with other words in their file."""

    def changed(content: bytes, rng: random.Random) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            tensors, about = _said_of(content, Path(folder))
        said = json.loads(about["thb"])
        change(said, rng)
        return safetensors.numpy.save(tensors, {"thb": json.dumps(said)})

    return changed


def _other_tensor(content: bytes, rng: random.Random) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        tensors, about = _said_of(content, Path(folder))
    name = rng.choice(sorted(tensors))
    if rng.random() < 0.5:
        del tensors[name]
    else:
        tensors[name] = np.zeros((3, 7), np.float32)
    return safetensors.numpy.save(tensors, about)


WEIGHTS = {
    "weights: of another fit": of_words(lambda said, rng: said.update(fit="no-hallo")),
    "weights: of another detector": of_words(lambda said, rng: said.update(detector="lipfd")),
    "weights: another profile, seed or code": of_words(_origin_of_other),
    "weights: other settings": of_words(lambda said, rng: _json_key(said["settings"], rng, deep=False)),
    "weights: no word of how they read": of_words(lambda said, rng: said.update(reads=rng.choice(JSON_VALUES))),
    "weights: damaged validation": of_words(
        lambda said, rng: said.update(validation=rng.choice([3, "x", {"real": 1}]))
    ),
    "weights: a tensor lost or of another shape": _other_tensor,
}


def _array(change: Callable[[np.ndarray, random.Random], Any]) -> Callable[[bytes, random.Random], bytes]:
    def changed(content: bytes, rng: random.Random) -> bytes:
        out, made = io.BytesIO(), change(np.load(io.BytesIO(content)), rng)
        np.savez(out, *made) if isinstance(made, list) else np.save(out, made, allow_pickle=True)
        return out.getvalue()

    return changed


STORE_ARRAYS = {
    "array: fewer clips": _array(lambda a, rng: a[:-1]),
    "array: other lengths": _array(lambda a, rng: a[:, :-1] if a.ndim == 2 else a[..., :-1]),
    "array: one axis less": _array(lambda a, rng: a[0]),
    "array: of another type": _array(lambda a, rng: a.astype(rng.choice([np.int64, str, complex]))),
    "array: of objects": _array(lambda a, rng: np.array([None, {}], object)),
    "array: several in one file": _array(lambda a, rng: [a, a]),
    "array: other values": _array(lambda a, rng: a[::-1]),
}


def _table(change: Callable[[pd.DataFrame, random.Random], pd.DataFrame]) -> Callable[[bytes, random.Random], bytes]:
    def changed(content: bytes, rng: random.Random) -> bytes:
        out = io.BytesIO()
        change(pd.read_parquet(io.BytesIO(content)), rng).to_parquet(out)
        return out.getvalue()

    return changed


def _one(column: str, *choices: Any) -> Callable[[pd.DataFrame, random.Random], pd.DataFrame]:
    def change(table: pd.DataFrame, rng: random.Random) -> pd.DataFrame:
        values = list(table[column])
        at, given = rng.randrange(len(values)), rng.choice(choices)
        values[at] = given
        return table.assign(**{column: values})

    return change


STORE_TABLES = {
    "table: row dropped": _table(lambda t, rng: t.drop(index=rng.randrange(len(t)))),
    "table: row doubled": _table(lambda t, rng: pd.concat([t, t.tail(1)], ignore_index=True)),
    "table: rows in another order": _table(lambda t, rng: t.sample(frac=1, random_state=rng.randrange(99))),
    "table: column dropped": _table(lambda t, rng: t.drop(columns=rng.choice(list(t)))),
    "table: another row": _table(_one("row", -1, 99, -2)),
    "table: another label": _table(_one("label", 7, -1)),
    "table: another role": _table(_one("role", "unseen", "swap", "", None)),
    "table: another source": _table(_one("source", "nobody", "", None)),
    "table: another split": _table(_one("split", "TEST", "holdout", None)),
    "table: another status": _table(_one("status", "fine", "", None)),
    "table: no box": _table(_one("x0", float("nan"), float("inf"))),
    "table: text for numbers": _table(
        lambda t, rng: t.assign(**{rng.choice(["x0", "row", "label", "mel_frames"]): "x"})
    ),
    "table: odd sound": _table(_one("mel_frames", -1, -7)),
}


def _split_use(head, rows, rng) -> None:
    """A clip that fit `all` tests is learnt from."""
    tested = [row for row in rows if row[head.index("use")] == "test"]
    rng.choice(tested)[head.index("use")] = "train"


SPLIT_ROWS = {
    f"split: {kind}": ROWS[kind]
    for kind in (
        "row doubled",
        "row invented",
        "rows in another order",
        "row too long",
        "all rows too long",
        "column dropped",
        "column renamed",
        "column twice",
        "head only",
        "another label",
        "another source",
    )
}
SPLIT_ROWS |= {
    "split: test clip learnt from": of_rows(_split_use),
    "split: unknown use": value("use", "learn", "", "TRAIN"),
    "split: another clip": value("clip", "ffpp-999", "", "../x"),
}

OTHER_KINDS = [
    *(f"{what}: {kind}" for what in ("weights", "store", "split") for kind in BYTES),
    *WEIGHTS,
    *STORE_ARRAYS,
    *STORE_TABLES,
    *SPLIT_ROWS,
    *(f"{what}: {kind}" for what in ("run.json", "meta.json", "made_by.json") for kind in (*JSONS, "JSON: broken")),
]


def other_mutation(clone: Clone, kind: str, recorded: bool, rng: random.Random) -> tuple[str, str]:
    """What was changed (weights, store or split), and where."""
    paths, word, _, rest = clone.paths, *kind.partition(": ")
    detector, source = rng.choice(["tall", "container"]), rng.choice(list(stores.SOURCES))
    run, folder = paths.run(detector, "all"), paths.clips(source)
    beside = {
        "weights": run / weights.RUN,
        "run.json": run / weights.RUN,
        "split": paths.splits / RECORD,
        "made_by.json": paths.splits / RECORD,
    }.get(word, folder / clip_store.META)
    if word.endswith(".json"):
        content = beside.read_bytes()
        broken = rng.choice([*BROKEN_JSON, content[: rng.randrange(len(content) - 2)]])
        clone.put(
            beside, broken if rest == "JSON: broken" else json.dumps(JSONS[rest](json.loads(content), rng)).encode()
        )
        return {"run.json": "weights", "meta.json": "store", "made_by.json": "split"}[word], paths.relative(beside)
    file = {"weights": run / weights.FILE, "split": paths.split("all"), "table": folder / clip_store.TABLE}.get(
        word, folder / rng.choice([f"{name}.npy" for name in clip_store.ARRAYS])
    )
    if word == "store" and rng.random() < 0.25:
        file = folder / clip_store.TABLE
    change = BYTES.get(rest) or (WEIGHTS | STORE_ARRAYS | STORE_TABLES | SPLIT_ROWS)[kind]
    clone.put(file, change(file.read_bytes(), rng))
    if recorded:
        _record(clone, beside, file)
    return word if word in ("weights", "split") else "store", paths.relative(file)


def weights_are_lawful(clone: Clone, by: str) -> bool:
    """The very tensors' names and shapes, the words in the file and what the reader needs of run.json as they were."""
    needed = ("imported_from",) if by == "detect" else ("imported_from", "seen", "stores")
    for detector in clone.params.detectors:
        folder = clone.paths.run(detector, "all")
        file = folder / weights.FILE
        if not _record_holds(clone, folder / weights.RUN, file, needed):
            return False
        try:
            with tempfile.TemporaryDirectory() as place:
                (was, said), (now, says) = (
                    _said_of(content, Path(place)) for content in (clone.original(file), file.read_bytes())
                )
        except Exception:  # whatever safetensors says: no weights
            return False
        # detect takes whoever's weights with whichever settings they bring, if they are some that can be
        free = {"reads", "validation"} if by == "score" else {"validation", "settings"}
        words = [
            {key: v for key, v in json.loads(s["thb"]).items() if key not in free} if "thb" in s else None
            for s in (said, says or {})
        ]
        if words[0] != words[1] or {k: v.shape for k, v in was.items()} != {k: v.shape for k, v in now.items()}:
            return False
    return True


def store_is_lawful(clone: Clone) -> bool:
    """Arrays of the shape and type that they had; a table of the same clips at the same places."""
    for source in stores.SOURCES:
        folder = clone.paths.clips(source)
        for name in clip_store.FILES:
            # `raw` is held against the raw clips, and this clone has none any more
            if not _record_holds(clone, folder / clip_store.META, folder / name, ("made_by",)):
                return False
            was, now = clone.original(folder / name), (folder / name).read_bytes()
            if was != now and not (_same_table if name == clip_store.TABLE else _same_shape)(was, now):
                return False
    return True


def _same_shape(was: bytes, now: bytes) -> bool:
    try:
        a, b = np.load(io.BytesIO(was)), np.load(io.BytesIO(now))
        return isinstance(b, np.ndarray) and (a.shape, a.dtype) == (b.shape, b.dtype)
    except Exception:  # whatever numpy says: no array
        return False


def _same_table(was: bytes, now: bytes) -> bool:
    try:
        a, b = (pd.read_parquet(io.BytesIO(content)).sort_values("clip", ignore_index=True) for content in (was, now))
        return a.astype(str).equals(b[list(a)].astype(str))
    except Exception:  # whatever pyarrow says: no table
        return False


def splits_are_lawful(clone: Clone) -> bool:
    """The same rows, whatever their order."""
    file = clone.paths.split("all")
    if not _record_holds(clone, clone.paths.splits / RECORD, file, ("made_by", "clips")):
        return False
    was, now = clone.original(file), file.read_bytes()
    if was == now:
        return True
    if (tables := _tables(was, now, SPLIT_COLUMNS)) is None:
        return False
    before, after = tables
    return sorted([row[c] for c in SPLIT_COLUMNS] for row in before) == sorted(
        [row[c] or "" for c in SPLIT_COLUMNS] for row in after
    )


# ---- the judgement ----------------------------------------------------------------------------------


def _of_weights(clone: Clone) -> None:
    for detector in clone.params.detectors:
        weights.of_fit(clone.paths, clone.params, detector, "all")


# What was changed -> who reads it, how, and whether it was lawful for that reader.
READERS: dict[str, dict[str, tuple[Callable[[Clone], Any], Callable[[Clone], bool]]]] = {
    "scores": {"evaluate": (lambda c: evaluate.run(c.paths, c.params), scores_are_lawful)},
    "weights": {
        "score": (_of_weights, lambda c: weights_are_lawful(c, "score")),
        "detect": (
            lambda c: verdicts.appoint(c.paths, ["tall", "container"], "all", "", c.params.metrics),
            lambda c: weights_are_lawful(c, "detect"),
        ),
    },
    "store": {
        "train, score, explain, contact": (
            lambda c: clip_store.open_clips(c.paths, c.params, list(stores.SOURCES)),
            store_is_lawful,
        )
    },
    "split": {
        "train": (lambda c: clips_of_fit(c.paths, c.params, "all", ("train", "val")), splits_are_lawful),
        "score": (lambda c: clips_of_fit(c.paths, c.params, "all", ("val", "test")), splits_are_lawful),
    },
}


def outcome(clone: Clone, read: Callable[[Clone], Any], lawful: Callable[[Clone], bool]) -> tuple[str, str]:
    """One of OUTCOMES, and what was said."""
    try:
        with redirect_stdout(io.StringIO()):
            read(clone)
    except ThbError as error:
        said = str(error)
        return (OUTCOMES[0], said) if said and len(said.splitlines()) == 1 else (OUTCOMES[3], f"not one line: {said!r}")
    except Exception:
        return OUTCOMES[3], traceback.format_exc().strip().splitlines()[-1]
    return (OUTCOMES[1] if lawful(clone) else OUTCOMES[2]), ""


@dataclass(frozen=True)
class Case:
    group: str  # what the table has a row for
    reader: str
    outcome: str
    said: str


def attacked(clone: Clone, scores: int, others: int, seed: int) -> Iterator[Case]:
    """Each mutation by each of its readers; kind by kind in turn, with and without the hash that goes with it."""
    for number in range(scores + others):
        rng, n = random.Random(f"{seed}/{number}"), number if number < scores else number - scores
        kinds = SCORE_KINDS if number < scores else OTHER_KINDS
        kind, recorded = kinds[n % len(kinds)], bool((n // len(kinds) + n) % 2)
        try:
            what, where = (
                ("scores", score_mutation(clone, kind, recorded, rng))
                if number < scores
                else other_mutation(clone, kind, recorded, rng)
            )
            for reader, (read, lawful) in READERS[what].items():
                result, said = outcome(clone, read, lawful)
                yield Case(
                    f"{what}, hash {'to match' if recorded else 'as it was'}",
                    reader,
                    result,
                    f"{kind} of {where}: {said}",
                )
        finally:
            clone.restore()


def table(cases: list[Case]) -> str:
    rows = [["changed", "read by", "cases", *OUTCOMES], ["---"] * 7]
    for key in dict.fromkeys((case.group, case.reader) for case in cases):
        counts = Counter(case.outcome for case in cases if (case.group, case.reader) == key)
        rows.append([*key, str(counts.total()), *(str(counts[o]) for o in OUTCOMES)])
    total = Counter(case.outcome for case in cases)
    rows.append(["**all**", "", str(total.total()), *(str(total[o]) for o in OUTCOMES)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scores", type=int, default=150)
    parser.add_argument("--others", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        cases = list(attacked(finished(Path(folder)), wanted.scores, wanted.others, wanted.seed))
    wrong = [f"- {case.outcome}, {case.reader}: {case.said}" for case in cases if case.outcome not in FINE]
    print(table(cases), *wrong, f"{wanted.scores} + {wanted.others}, {time.perf_counter() - began:.0f} s", sep="\n")
    if (wanted.scores, wanted.others) == (150, 100):
        left = "\nNot as it should be:\n\n" + "\n".join(wrong) + "\n" if wrong else ""
        text = HEAD.format(**vars(wanted)) + table(cases) + "\n" + left
        (ROOT / "benchmarks" / "attacked_files.md").write_text(text, encoding="utf-8")
    if wrong:
        sys.exit(f"{len(wrong)} of {len(cases)} readings were not as they should be")


HEAD = """# Changed results, weights, stores and splits

Printed by `python benchmarks/attacked_files.py --seed {seed}`: {scores} changed score files and {others} changed
weights, stores, splits and their records, each read as the commands read them (weights and splits by two readers each).
"Hash to match": the hash recorded beside the file was changed with it, so that only what the file holds can tell.
What is lawful, rules in that file say, written apart from thb's. Wrong would be the last two columns.

"""


if __name__ == "__main__":
    main()
