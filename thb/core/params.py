"""params.yaml, typed: unknown keys are refused in one line that lists the known ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, Field, ValidationError, model_validator

from thb.core import plain_yaml
from thb.core.errors import ParamsError, check_known, entry, unknown
from thb.core.params_schema import (
    Ablation,
    Counts,
    DetectorEntry,
    Embedding,
    Exhibit,
    Explain,
    Explained,
    Fetch,
    Identity,
    Metrics,
    Net,
    Protocol,
    Reals,
    Render,
    Role,
    Source,
    Store,
    Strict,
)
from thb.core.ranges import BROKEN, NAME_RULE, Commit, Count, Name, Once, Place, Seed, Share, Whole, broken, shown


class Profile(Strict):
    corpus: Literal["mini", "hub"]
    revision: Commit | None  # of the published dataset
    raw_dir: Place | None  # an own copy of the release, or a part of one
    seed: Seed  # of the clips, of who is in which split, and of what is drawn in looking at results
    training_seed: Seed  # of first weights, order, augmentation
    workers: Annotated[Whole, Field(le=1024)]
    max_failed_share: Share
    finder: Literal["truth", "haar", "yunet"]
    explain: Explained
    store: Store
    render: Render | None
    reals: Reals = Reals()
    detectors: dict[Name, dict[str, Any]]

    @model_validator(mode="after")
    def _says_what_its_corpus_needs(self) -> Self:
        if self.corpus == "mini" and self.render is None:
            raise broken(" renders its corpus and needs `render:`")
        if self.corpus == "hub" and self.revision is None:
            raise broken(".revision is null: the published corpus needs a commit (40 digits of 0-9a-f)")
        if self.corpus == "hub" and self.finder == "truth":
            raise broken(".finder is 'truth', which only a rendered corpus knows; known here: haar, yunet")
        return self


class Params(Strict):
    profile: Name
    generators: dict[Name, Source]
    sources: dict[Name, Source]
    protocols: dict[Name, Protocol]
    metrics: Metrics
    detectors: dict[Name, DetectorEntry]
    exhibits: dict[Name, dict[str, Any]]
    ablations: dict[Name, Ablation]
    ablated: Annotated[list[Name], Once]  # detectors that are fitted to control corpora too
    explained: Annotated[list[Name], Once]  # networks whose heat maps are read
    explain: Explain
    fetch: Fetch
    sound_checks: Annotated[list[Name], Once]  # detectors that hear, whose `all` fit is also scored with shuffled sound
    label_checks: dict[Name, Annotated[Count, Field(ge=2, le=1000)]]  # detector -> fits on shuffled labels
    nets: dict[Name, Net]  # small networks of others: the face finder's, the identity check's
    identity: Identity
    identity_checks: Annotated[
        list[Name], Once
    ]  # embeddings by which the faces of training and test are compared; none: by name
    profiles: dict[Name, Profile]

    @property
    def active(self) -> Profile:
        return self.profiles[self.profile]

    def source(self, name: str) -> Source:
        return entry("source", name, self.sources)

    def of_role(self, *roles: str) -> list[str]:
        return [name for name, source in self.sources.items() if source.role in roles]

    @property
    def fits(self) -> list[str]:
        """Every fit of a detector, in the order they are trained."""
        return ["ffpp", "all", *(f"no-{g}" for g in self.generators)]

    def detector(self, name: str) -> dict[str, Any]:
        """One detector's settings in this profile: its defaults with the profile's overrides."""
        return {**entry("detector", name, self.detectors).defaults, **self.active.detectors[name]}

    def label_check(self, name: str) -> int:
        """How many fits of a detector are trained on shuffled labels."""
        return entry("detector under label_checks", name, self.label_checks)

    def embedding(self, name: str) -> Embedding:
        """The network of this name, which tells faces apart."""
        return entry("network under identity.embeddings", name, self.identity.embeddings)

    def identity_settings(self, name: str) -> dict[str, float]:
        """What a comparison of faces by this network depends on, besides the network and the clips."""
        return {"frames": self.identity.frames, **self.embedding(name).model_dump()}


def load(path: Path) -> Params:
    """Read and check params.yaml; any fault is one line that names it."""
    return parse(plain_yaml.load(path))


def parse(raw: Mapping[str, Any]) -> Params:
    """Check a mapping as read from params.yaml."""
    if not isinstance(raw, Mapping):
        raise ParamsError(f"params.yaml must be a mapping; known keys: {', '.join(Params.model_fields)}")
    try:
        params = Params.model_validate(raw)
    except ValidationError as e:
        raise ParamsError(_explain(e, Params)) from e
    _check(params)
    return params


# ---- what blocks must keep among each other ---------------------------------------------------------

FFPP, FFPP_VIDEOS = "original_sequences", 1000  # part of their folder's name; how many there are
SPLITS = ("train", "val", "test")


def _check(p: Params) -> None:
    """Refuse faults that no block shows by itself, and that would give wrong numbers or none."""
    check_known("profile", [p.profile], p.profiles)
    _check_sources(p)
    roles = {source.role for source in p.sources.values()}
    for name, protocol in p.protocols.items():
        if absent := [role for role in protocol.fakes if role not in roles]:
            raise ParamsError(f"protocols.{name}.fakes names {absent[0]!r}, a role that no source has")
    networks = [name for name, detector in p.detectors.items() if detector.parameters]
    check_known("network in identity.embeddings", p.identity.embeddings, p.nets)
    check_known("detector in ablated", p.ablated, p.detectors)
    check_known("detector in sound_checks", p.sound_checks, p.detectors)
    check_known("detector in label_checks", p.label_checks, p.detectors)
    check_known("network in explained", p.explained, networks)
    check_known("network in explain.reference", [p.explain.reference], networks)
    check_known("network in identity_checks", p.identity_checks, p.identity.embeddings)
    check_known("network in explain.reference", [p.explain.reference], p.explained)
    for name, profile in p.profiles.items():
        _check_profile(p, f"profiles.{name}", profile)
    for (one, first), (two, second) in combinations(p.detectors.items(), 2):
        if first.printed and first.printed == second.printed:
            raise ParamsError(f"detectors.{one} and detectors.{two} are both printed as {first.printed!r}")
    for name, settings in p.exhibits.items():
        _check_exhibit(p, f"exhibits.{name}", settings)


def _check_sources(p: Params) -> None:
    if p.generators != {name: p.sources[name] for name in p.of_role("generator")}:
        raise ParamsError(
            "`generators` must hold exactly the sources of role generator, as they stand there; "
            f"sources has {', '.join(p.of_role('generator'))}"
        )
    for role, least in (("generator", 2), ("real", 1), ("swap", 1)):
        if (n := len(p.of_role(role))) < least:
            raise ParamsError(f"sources has {n} of role {role}; the fits need at least {least}")
    for (one, first), (two, second) in combinations(p.sources.items(), 2):
        if f"{first.folder}/".startswith(f"{second.folder}/") or f"{second.folder}/".startswith(f"{first.folder}/"):
            raise ParamsError(f"sources.{one} and sources.{two} share a folder: {first.folder!r} and {second.folder!r}")
        if first.printed == second.printed:
            raise ParamsError(f"sources.{one} and sources.{two} are both printed as {first.printed!r}")


def _check_exhibit(p: Params, where: str, settings: Mapping[str, Any]) -> None:
    """Refuse an exhibit that names what is not there."""
    try:
        exhibit = Exhibit.model_validate(settings)
    except ValidationError as e:
        raise ParamsError(_explain(e, Exhibit, where)) from e
    if nothing := next((key for key, value in settings.items() if value is None), None):
        raise ParamsError(f"{where}.{nothing} is null; leave it out, and the notebook's own value counts")
    for kind, known, keys in (
        ("protocol", p.protocols, ("protocol", "before", "after", "one_by_one", "protocols")),
        ("detector", p.detectors, ("detector", "chosen_by", "detectors")),
        ("generator", p.generators, ("generators",)),
        ("metric", ["AUC", *p.metrics.fpr, "Brier", "EER"], ("metric", "metrics")),
    ):
        for key in keys:
            given = getattr(exhibit, key)
            names = given if isinstance(given, list) else [given] if given is not None else []
            check_known(f"{kind} in {where}.{key}", names, known)
    if isinstance(exhibit.threshold, str):
        check_known(f"rate in {where}.threshold", [exhibit.threshold], p.metrics.fpr)


def _check_profile(p: Params, where: str, profile: Profile) -> None:
    check_known(f"detector in {where}.detectors", profile.detectors, p.detectors)
    for name, detector in p.detectors.items():
        if name not in profile.detectors:
            raise ParamsError(f"{where}.detectors lacks {name!r}; write `{name}: {{}}` for its defaults")
        check_known(f"key in {where}.detectors.{name}", profile.detectors[name], detector.defaults)
    if profile.corpus == "mini" and profile.render:
        _check_rendered(p, f"{where}.render", profile.render)


def _check_rendered(p: Params, where: str, render: Render) -> None:
    """Refuse a rendered corpus that leaves a fit without clips to be trained, chosen or tested on."""
    check_known(f"key in {where}.clips", render.clips, [*p.sources, *get_args(Role)])
    wanted: dict[str, Counts] = {}
    for name, source in p.sources.items():  # a source's own entry goes before its role's
        counts = render.clips.get(name) or render.clips.get(source.role)
        if counts is None:
            raise ParamsError(
                f"{where}.clips says nothing of source {name!r} or role {source.role!r}; "
                f"it has {', '.join(render.clips)}"
            )
        wanted[name] = counts
    for name, counts in wanted.items():
        role = p.sources[name].role
        for split in SPLITS:
            n, needed = getattr(counts, split), split == "test" or role != "unseen"
            if needed and n == 0:
                raise ParamsError(f"{where}.clips gives {name} no {split} clips; a source of role {role} needs some")
            if n and not needed:
                raise ParamsError(
                    f"{where}.clips gives {name} {n} {split} clips; a source of role unseen is for testing only"
                )
    ffpp = [counts for name, counts in wanted.items() if FFPP in p.sources[name].folder]
    for split in SPLITS:
        most = 2 * (sum(getattr(counts, split) for counts in ffpp) // 2)
        for name in p.of_role("swap"):
            if (swaps := getattr(wanted[name], split)) > most:
                raise ParamsError(
                    f"{where}.clips: {name} wants {swaps} {split} swaps, but the reals of FaceForensics++ give {most}"
                )
    if (total := sum(counts.train + counts.val + counts.test for counts in ffpp)) > FFPP_VIDEOS:
        raise ParamsError(f"{where}.clips wants {total} reals of FaceForensics++, which has {FFPP_VIDEOS} videos")


# ---- faults in one line -----------------------------------------------------------------------------


def _explain(error: ValidationError, model: type[BaseModel], inside: str = "") -> str:
    """One fault of a pydantic report, as one line; an unknown key goes before the missing one it may stand for."""
    first = min(error.errors(), key=lambda fault: fault["type"] != "extra_forbidden")
    loc = [str(part) for part in first["loc"] if not str(part).startswith(("constrained-", "literal["))]
    where = ".".join([inside, *loc] if inside else loc)
    if first["type"] == "extra_forbidden":
        parent = ".".join(loc[:-1]) or "params.yaml"
        return unknown(f"key in {parent}", loc[-1], _known_keys(model, first["loc"][:-1]))
    if first["type"] == BROKEN:
        return where + first["msg"]
    if first["type"] == "missing":
        return f"params.yaml lacks {where}"
    if first["type"] == "string_pattern_mismatch" and first["loc"][-1] == "[key]":
        parent = ".".join(loc[:-2])
        return f"params.yaml: {shown(first['input'])} in {parent} is no name; one is {NAME_RULE}"
    return f"params.yaml: {where} = {shown(first.get('input'))}: {first['msg'].lower()}"


def _known_keys(model: Any, loc: tuple[Any, ...]) -> list[str]:
    """The field names that the model at `loc` knows; a mapping's own keys are stepped over."""
    for part in loc:
        if part in getattr(model, "model_fields", {}):
            model = _inner(model.model_fields[part].annotation)
    return list(model.model_fields)


def _inner(annotation: Any) -> Any:
    """The model inside `dict[str, Model]` or `Model | None`, or the annotation itself."""
    models = [a for a in get_args(annotation) if isinstance(a, type) and issubclass(a, BaseModel)]
    return models[0] if models else annotation


def switch_profile(path: Path, name: str) -> None:
    """Rewrite the `profile:` word on params.yaml's first line, keeping all else to the byte."""
    from thb.core.tables import write_atomic

    check_known("profile", [name], load(path).profiles)
    switched, n = re.subn(rb"\A(profile:[ ]*)[A-Za-z0-9_]+", rb"\g<1>" + name.encode(), path.read_bytes())
    if not n:
        raise ParamsError("the first line of params.yaml must be `profile: <name>`")
    write_atomic(path, lambda part: _put_checked(part, switched, name))


def _put_checked(part: Path, content: bytes, name: str) -> None:
    """Write a params.yaml; ParamsError unless it reads as this profile."""
    part.write_bytes(content)
    if load(part).profile != name:
        raise ParamsError(f"the first line of params.yaml does not set the profile; write `profile: {name}` there")
