"""What the blocks of params.yaml must keep among each other, which no single value shows; the first fault is one line.

A protocol that could test what its fit has seen, or test nothing, a rate that is not what its name says, two sources in
one folder: each is a file that reads well and gives wrong numbers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations
from typing import Any

from thb.core.errors import ParamsError, unknown
from thb.core.params_schema import (
    Counts,
    DetectorEntry,
    Exhibit,
    Identity,
    Metrics,
    Net,
    Protocol,
    Render,
    Source,
    Store,
)
from thb.core.ranges import shown

# The roles that each kind of fit leaves for testing, and of which splits; all else it has seen, or has no scores of.
TESTS = {
    "all": (("generator", "unseen"), ("test",)),
    "no-generator": (("generator",), ("train", "val", "test")),
    "every-no": (("unseen",), ("test",)),
    "ffpp": (("swap", "generator"), ("test",)),
}
TRAINED = {"all": "generator", "ffpp": "swap"}  # the role whose sources both train and test
# What the paper tests under each of its protocols: by which fits, and on which splits (P2: with the validation clips
# or without).
PRINTED = {
    "P1": (("all",), (["test"],)),
    "P2": (("no-generator",), (["train"], ["train", "val"])),
    "P3": (("no-generator", "every-no"), (["test"],)),
}
BELOW = {"generator": "fake/", "unseen": "fake/", "real": "real/", "swap": "real/"}
FFPP, FFPP_VIDEOS = "original_sequences", 1000  # part of their folder's name; how many there are
OTHER_METRICS = ("AUC", "Brier", "EER")
HEADLINE = "T1"  # every page's first rate
ROLES = ("generator", "unseen", "real", "swap")


def once(where: str, given: Sequence[Any]) -> None:
    for value in given:
        if given.count(value) > 1:
            raise ParamsError(f"{where} names {shown(value)} twice")


# ---- sources ----------------------------------------------------------------------------------------


def sources(given: Mapping[str, Source], generators: Mapping[str, Source]) -> None:
    of_role = {role: [name for name, source in given.items() if source.role == role] for role in ROLES}
    if generators != {name: given[name] for name in of_role["generator"]}:
        raise ParamsError(
            "`generators` must hold exactly the sources of role generator, as they stand there; "
            f"sources has {', '.join(of_role['generator'])}"
        )
    for role, least in (("generator", 2), ("real", 1), ("swap", 1)):
        if len(of_role[role]) < least:
            raise ParamsError(f"sources has {len(of_role[role])} of role {role}; the fits need at least {least}")
    for name, source in given.items():
        if not source.folder.startswith(BELOW[source.role]):
            raise ParamsError(
                f"sources.{name}.folder = {source.folder!r}: a source of role {source.role} lies below "
                f"{BELOW[source.role]}, as in the release"
            )
    for (one, first), (two, second) in combinations(given.items(), 2):
        if f"{first.folder}/".startswith(f"{second.folder}/") or f"{second.folder}/".startswith(f"{first.folder}/"):
            raise ParamsError(f"sources.{one} and sources.{two} share a folder: {first.folder!r} and {second.folder!r}")
        if first.printed == second.printed:
            raise ParamsError(f"sources.{one} and sources.{two} are both printed as {first.printed!r}")


# ---- protocols --------------------------------------------------------------------------------------


def protocols(given: Mapping[str, Protocol], roles: Collection[str]) -> None:
    """Each tests something, and nothing that its fit has seen."""
    for name, protocol in given.items():
        _protocol(f"protocols.{name}", protocol, roles)


def _protocol(where: str, p: Protocol, roles: Collection[str]) -> None:
    for key in ("fakes", "split", "reals", "disjoint"):
        once(f"{where}.{key}", getattr(p, key))
    for key in ("fakes", "split", "reals"):
        if not getattr(p, key):
            raise ParamsError(f"{where}.{key} is empty: nothing would be tested")
    tested, splits = TESTS[p.fit]
    if odd := [role for role in p.fakes if role not in tested]:
        raise ParamsError(
            f"{where}.fakes names {odd[0]!r}, of which fit {p.fit!r} tests none; it tests {', '.join(tested)}"
        )
    if absent := [role for role in p.fakes if role not in roles]:
        raise ParamsError(f"{where}.fakes names {absent[0]!r}, a role that no source has")
    if odd := [split for split in p.split if split not in splits]:
        raise ParamsError(
            f"{where}.split names {odd[0]!r}, whose clips fit {p.fit!r} has seen; "
            f"it may be tested on {', '.join(splits)}"
        )
    if p.reals != ["test"]:
        raise ParamsError(f"{where}.reals = {p.reals}: every fit has seen the other reals; write [test]")
    if "generator" in p.disjoint and (seen := TRAINED.get(p.fit)) in p.fakes:
        raise ParamsError(
            f"{where}.disjoint promises 'generator', but fit {p.fit!r} is trained on what it is tested "
            f"on, those of role {seen!r}"
        )
    if p.printed in PRINTED:
        fits, printed_splits = PRINTED[p.printed]
        if p.fit not in fits or p.split not in printed_splits:
            raise ParamsError(
                f"{where} sets fit {p.fit!r} on {p.split} beside the paper's {p.printed}, which is of "
                f"{' or '.join(fits)} on {' or '.join(map(str, printed_splits))}; write printed: null"
            )


# ---- metrics and detectors --------------------------------------------------------------------------


def metrics(given: Metrics) -> None:
    """A rate's name says how many percent it is; the first is the headline's."""
    for name, rate in given.fpr.items():
        if name != (right := f"T{100 * rate:.10g}"):
            raise ParamsError(
                f"metrics.fpr: {shown(name)} is not the name of a rate of {rate:g}; write {right}: {rate:g}"
            )
    if next(iter(given.fpr), None) != HEADLINE:
        raise ParamsError(
            f"metrics.fpr must begin with {HEADLINE}: 0.01, the rate that every page shows first; "
            f"it has {', '.join(given.fpr) or 'none'}"
        )


def metric_names(given: Metrics) -> list[str]:
    return [OTHER_METRICS[0], *given.fpr, *OTHER_METRICS[1:]]


def detectors(given: Mapping[str, DetectorEntry]) -> None:
    for name, entry in given.items():
        where = f"detectors.{name}"
        if entry.control != (entry.printed is None):
            raise ParamsError(
                f"{where}: a detector of the paper's is printed and no control, a control of ours is "
                f"control: true and printed: null (printed: {entry.printed}, control: {entry.control})"
            )
        if entry.control != (entry.sees is not None):
            raise ParamsError(
                f"{where}: a control says what it sees, a detector of the paper's does not (sees: {shown(entry.sees)})"
            )
        if entry.parameters and entry.parameters.trainable > entry.parameters.total:
            raise ParamsError(
                f"{where}.parameters: {entry.parameters.trainable} are trainable, of {entry.parameters.total} in total"
            )
    for (one, first), (two, second) in combinations(given.items(), 2):
        if first.printed and first.printed == second.printed:
            raise ParamsError(f"detectors.{one} and detectors.{two} are both printed as {first.printed!r}")


def nets(given: Mapping[str, Net], identity: Identity) -> None:
    for name, net in given.items():
        if len({bool(part) for part in (net.repo, net.revision, net.file)}) > 1:
            raise ParamsError(
                f"nets.{name}: repo, revision and file name a file on the Hub together; write all three, or none"
            )
    for name in identity.embeddings:
        if name not in given:
            raise ParamsError(unknown("network in identity.embeddings", name, given))


# ---- exhibits ---------------------------------------------------------------------------------------


def exhibit(where: str, e: Exhibit, known: Mapping[str, Collection[str]]) -> None:
    """What it names is there; `known` holds names by the kinds protocol, detector, generator and metric."""
    for kind, keys in (
        ("protocol", ("protocol", "before", "after", "one_by_one", "protocols")),
        ("detector", ("detector", "chosen_by", "detectors")),
        ("generator", ("generators",)),
        ("metric", ("metric", "metrics")),
    ):
        for key in keys:
            value = getattr(e, key)
            listed = value if isinstance(value, list) else [value]
            once(f"{where}.{key}", listed)
            for name in listed:
                if name is not None and name not in known[kind]:
                    raise ParamsError(unknown(f"{kind} in {where}.{key}", name, known[kind]))
    if isinstance(e.threshold, str) and e.threshold not in known["rate"]:
        raise ParamsError(unknown(f"rate in {where}.threshold", e.threshold, known["rate"]))


# ---- profiles ---------------------------------------------------------------------------------------


def store(where: str, s: Store) -> None:
    if s.sound.hop > s.sound.fft:
        raise ParamsError(
            f"{where}.sound.hop {s.sound.hop} is longer than the window, fft {s.sound.fft}: sound would be left out"
        )
    if s.sound.mels > (bins := s.sound.fft // 2 + 1):
        raise ParamsError(
            f"{where}.sound.mels {s.sound.mels}: a window of {s.sound.fft} samples has {bins} bands at most"
        )


def render(where: str, r: Render, given: Mapping[str, Source]) -> None:
    """Every fit of a rendered corpus must have clips to be trained, chosen and tested on."""
    least, most = r.seconds
    if least > most:
        raise ParamsError(f"{where}.seconds = [{least:g}, {most:g}]: the shorter length comes first")
    keys = [*given, *ROLES]
    for key in r.clips:
        if key not in keys:
            raise ParamsError(unknown(f"key in {where}.clips", key, keys))
    wanted = {name: _counts(where, r, name, source.role) for name, source in given.items()}
    for name, counts in wanted.items():
        _enough(f"{where}.clips", name, given[name].role, counts)
    ffpp = [counts for name, counts in wanted.items() if FFPP in given[name].folder]
    for split in ("train", "val", "test"):
        pairs = sum(getattr(counts, split) for counts in ffpp) // 2
        for name in (name for name, source in given.items() if source.role == "swap"):
            if (swaps := getattr(wanted[name], split)) > 2 * pairs:
                raise ParamsError(
                    f"{where}.clips: {name} wants {swaps} {split} swaps, but the reals of "
                    f"FaceForensics++ give {2 * pairs}"
                )
    if (total := sum(counts.train + counts.val + counts.test for counts in ffpp)) > FFPP_VIDEOS:
        raise ParamsError(f"{where}.clips wants {total} reals of FaceForensics++, which has {FFPP_VIDEOS} videos")


def _counts(where: str, r: Render, name: str, role: str) -> Counts:
    """A source's own entry goes before its role's."""
    if name not in r.clips and role not in r.clips:
        raise ParamsError(
            f"{where}.clips says nothing of source {name!r} or role {role!r}; it has {', '.join(r.clips)}"
        )
    return r.clips[name if name in r.clips else role]


def _enough(where: str, name: str, role: str, counts: Counts) -> None:
    needed = ("test",) if role == "unseen" else ("train", "val", "test")
    for split in ("train", "val", "test"):
        n = getattr(counts, split)
        if n == 0 and split in needed:
            raise ParamsError(f"{where} gives {name} no {split} clips; a source of role {role} needs some")
        if n > 0 and split not in needed:
            raise ParamsError(f"{where} gives {name} {n} {split} clips; a source of role unseen is for testing only")
