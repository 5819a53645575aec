"""params.yaml, typed: unknown keys are refused in one line that lists the known ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, Field, ValidationError

from thb.core import cross_checks, plain_yaml
from thb.core.errors import ParamsError, unknown
from thb.core.params_schema import (
    Ablation,
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
    Source,
    Store,
    Strict,
)
from thb.core.ranges import NAME_RULE, Commit, Count, Name, Place, Seed, Share, Whole, shown


class Profile(Strict):
    corpus: Literal["mini", "hub"]
    revision: Commit | None  # of the published dataset; this and the next one are in every profile, for DVC
    raw_dir: Place | None  # an own copy of the release, or a part of one
    seed: Seed
    workers: Annotated[Whole, Field(le=1024)]
    max_failed_share: Share
    finder: Literal["truth", "haar", "yunet"]
    explain: Explained
    store: Store
    render: Render | None
    reals: Reals = Reals()
    detectors: dict[Name, dict[str, Any]]


class Params(Strict):
    profile: Name
    generators: dict[Name, Source]
    sources: dict[Name, Source]
    protocols: dict[Name, Protocol]
    metrics: Metrics
    detectors: dict[Name, DetectorEntry]
    exhibits: dict[Name, dict[str, Any]]
    ablations: dict[Name, Ablation]
    ablated: list[Name]  # detectors that are fitted to control corpora too
    explained: list[Name]  # networks whose heat maps are read
    explain: Explain
    fetch: Fetch
    sound_checks: list[Name]  # detectors that hear, whose `all` fit is also scored with shuffled sound
    label_checks: dict[Name, Annotated[Count, Field(ge=2, le=1000)]]  # detector -> fits on labels that say nothing
    nets: dict[Name, Net]  # small networks of others: the face finder's, the identity check's
    identity: Identity
    identity_checks: list[Name]  # embeddings by which the faces of training and test are compared; none: by name
    profiles: dict[Name, Profile]

    @property
    def active(self) -> Profile:
        return self.profiles[self.profile]

    def source(self, name: str) -> Source:
        if name not in self.sources:
            raise ParamsError(unknown("source", name, self.sources))
        return self.sources[name]

    def of_role(self, *roles: str) -> list[str]:
        return [name for name, source in self.sources.items() if source.role in roles]

    @property
    def fits(self) -> list[str]:
        """Every fit of a detector, in the order they are trained."""
        return ["ffpp", "all", *(f"no-{g}" for g in self.generators)]

    def detector(self, name: str) -> dict[str, Any]:
        """One detector's settings in this profile: its defaults with the profile's overrides."""
        if name not in self.detectors:
            raise ParamsError(unknown("detector", name, self.detectors))
        return {**self.detectors[name].defaults, **self.active.detectors[name]}

    def label_check(self, name: str) -> int:
        """How many fits of a detector are trained on labels that say nothing."""
        if name not in self.label_checks:
            raise ParamsError(unknown("detector under label_checks", name, self.label_checks))
        return self.label_checks[name]

    def embedding(self, name: str) -> Embedding:
        """The network of this name, which tells faces apart."""
        if name not in self.identity.embeddings:
            raise ParamsError(unknown("network under identity.embeddings", name, self.identity.embeddings))
        return self.identity.embeddings[name]

    def identity_settings(self, name: str) -> dict[str, float]:
        """What a comparison of faces by this network rests on, besides the network and the clips."""
        return {"frames": self.identity.frames, **self.embedding(name).model_dump()}


def load(path: Path) -> Params:
    """Read and check params.yaml; any fault is one line that names it."""
    return parse(plain_yaml.load(path))


def parse(raw: Mapping[str, Any]) -> Params:
    """A mapping as read from params.yaml, checked."""
    if not isinstance(raw, Mapping):
        raise ParamsError(f"params.yaml must be a mapping; known keys: {', '.join(Params.model_fields)}")
    try:
        params = Params.model_validate(raw)
    except ValidationError as e:
        raise ParamsError(_explain(e, Params)) from e
    _check(params)
    return params


def _check(p: Params) -> None:
    """What types cannot see: names that refer to another block, and blocks that must go together."""
    if p.profile not in p.profiles:
        raise ParamsError(unknown("profile", p.profile, p.profiles))
    cross_checks.sources(p.sources, p.generators)
    cross_checks.protocols(p.protocols, {source.role for source in p.sources.values()})
    cross_checks.metrics(p.metrics)
    cross_checks.nets(p.nets, p.identity)
    _check_lists(p)
    for name, profile in p.profiles.items():
        _check_profile(p, name, profile)
    cross_checks.detectors(p.detectors)
    for name, ablation in p.ablations.items():
        if ablation == Ablation():
            raise ParamsError(f"ablations.{name} changes nothing; known: {', '.join(Ablation.model_fields)}")
    for name, entry in p.exhibits.items():
        _check_exhibit(p, name, entry)


def _check_lists(p: Params) -> None:
    """Every list of names holds each once, and none that is not there."""
    networks = [name for name, entry in p.detectors.items() if entry.parameters]
    for kind, key, names, known in (
        ("detector", "ablated", p.ablated, p.detectors),
        ("detector", "sound_checks", p.sound_checks, p.detectors),
        ("detector", "label_checks", list(p.label_checks), p.detectors),
        ("network", "explained", p.explained, networks),
        ("network", "explain.reference", [p.explain.reference], networks),
        ("network", "identity_checks", p.identity_checks, p.identity.embeddings),
    ):
        cross_checks.once(key, names)
        if odd := [name for name in names if name not in known]:
            raise ParamsError(unknown(f"{kind} in {key}", odd[0], known))
    if p.explain.reference not in p.explained:
        raise ParamsError(unknown("network in explain.reference", p.explain.reference, p.explained))


def _check_exhibit(p: Params, name: str, entry: Mapping[str, Any]) -> None:
    where, rates = f"exhibits.{name}", list(p.metrics.fpr)
    try:
        exhibit = Exhibit.model_validate(entry)
    except ValidationError as e:
        raise ParamsError(_explain(e, Exhibit, where)) from e
    if nothing := next((key for key, value in entry.items() if value is None), None):
        raise ParamsError(f"{where}.{nothing} is null; leave it out, and the notebook's own value counts")
    cross_checks.exhibit(
        where,
        exhibit,
        {
            "protocol": p.protocols,
            "detector": p.detectors,
            "generator": p.generators,
            "metric": cross_checks.metric_names(p.metrics),
            "rate": rates,
        },
    )


def _check_profile(p: Params, name: str, profile: Profile) -> None:
    where = f"profiles.{name}"
    for detector in profile.detectors:
        if detector not in p.detectors:
            raise ParamsError(unknown(f"detector in {where}.detectors", detector, p.detectors))
    for detector, entry in p.detectors.items():
        if detector not in profile.detectors:
            raise ParamsError(f"{where}.detectors lacks {detector!r}; write `{detector}: {{}}` for its defaults")
        for key in profile.detectors[detector]:
            if key not in entry.defaults:
                raise ParamsError(unknown(f"key in {where}.detectors.{detector}", key, entry.defaults))
    cross_checks.store(f"{where}.store", profile.store)
    if profile.corpus == "hub":
        return _check_published(where, profile)
    if profile.render is None:
        raise ParamsError(f"{where} renders its corpus and needs `render:`")
    cross_checks.render(f"{where}.render", profile.render, p.sources)


def _check_published(where: str, profile: Profile) -> None:
    if profile.revision is None:
        raise ParamsError(f"{where}.revision is null: the published corpus needs a commit (40 digits of 0-9a-f)")
    if profile.finder == "truth":
        raise ParamsError(f"{where}.finder is 'truth', which only a rendered corpus knows; known here: haar, yunet")


def _explain(error: ValidationError, model: type[BaseModel], inside: str = "") -> str:
    """One fault of a pydantic report, as one line; an unknown key before what it may have been meant for."""
    first = min(error.errors(), key=lambda fault: fault["type"] != "extra_forbidden")
    loc = [str(part) for part in first["loc"] if not str(part).startswith(("constrained-", "literal["))]
    where = ".".join([inside, *loc] if inside else loc)
    if first["type"] == "extra_forbidden":
        parent = ".".join(loc[:-1]) or "params.yaml"
        return unknown(f"key in {parent}", loc[-1], _known_keys(model, first["loc"][:-1]))
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

    known = load(path).profiles
    if name not in known:
        raise ParamsError(unknown("profile", name, known))
    switched, n = re.subn(rb"\A(profile:[ ]*)[A-Za-z0-9_]+", rb"\g<1>" + name.encode(), path.read_bytes())
    if not n:
        raise ParamsError("the first line of params.yaml must be `profile: <name>`")
    write_atomic(path, lambda part: _put_checked(part, switched, name))


def _put_checked(part: Path, content: bytes, name: str) -> None:
    """Nothing takes the place of params.yaml that does not read as this profile."""
    part.write_bytes(content)
    if load(part).profile != name:
        raise ParamsError(f"the first line of params.yaml does not set the profile; write `profile: {name}` there")
