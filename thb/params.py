"""params.yaml, typed: unknown keys are refused in one line that lists the known ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, Field, ValidationError

from thb.blocks import (
    Ablation,
    DetectorEntry,
    Embedding,
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
from thb.errors import ParamsError, unknown


class Profile(Strict):
    corpus: Literal["mini", "hub"]
    revision: str | None = None     # a commit of the published dataset
    raw_dir: str | None = None      # an own copy of the release, or a part of one
    seed: int
    workers: int = Field(ge=0)
    max_failed_share: float = Field(ge=0, le=1)
    finder: str
    explain: Explained
    store: Store
    render: Render | None = None
    reals: Reals = Reals()
    detectors: dict[str, dict[str, Any]]


class Params(Strict):
    profile: str
    generators: dict[str, Source]
    sources: dict[str, Source]
    protocols: dict[str, Protocol]
    metrics: Metrics
    detectors: dict[str, DetectorEntry]
    exhibits: dict[str, dict[str, Any]]
    ablations: dict[str, Ablation]
    ablated: list[str]              # detectors that are fitted to control corpora too
    explained: list[str]            # networks whose heat maps are read
    explain: Explain
    fetch: Fetch
    sound_checks: list[str]         # detectors that hear, whose `all` fit is also scored with shuffled sound
    label_checks: dict[str, Annotated[int, Field(ge=2)]] = {}   # detector -> fits on labels that say nothing
    nets: dict[str, Net] = {}       # small networks of others: the face finder's, the identity check's
    identity: Identity
    identity_checks: list[str] = []     # embeddings by which the faces of training and test are compared; none: by name
    profiles: dict[str, Profile]

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
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as e:
        raise ParamsError(f"cannot read {path.name}: {e.strerror}") from e
    except yaml.YAMLError as e:
        raise ParamsError(f"{path.name} is not YAML: {' '.join(str(e).split())}") from e
    return parse(raw)


def parse(raw: Mapping[str, Any]) -> Params:
    """A mapping as read from params.yaml, checked."""
    if not isinstance(raw, Mapping):
        raise ParamsError(f"params.yaml must be a mapping; known keys: {', '.join(Params.model_fields)}")
    try:
        params = Params.model_validate(raw)
    except ValidationError as e:
        raise ParamsError(_explain(e)) from e
    _check_names(params)
    return params


def _check_names(p: Params) -> None:
    """Cross-references that types cannot see."""
    if p.profile not in p.profiles:
        raise ParamsError(unknown("profile", p.profile, p.profiles))
    if set(p.generators) != set(p.of_role("generator")):
        raise ParamsError("`generators` must hold exactly the sources of role generator; "
                          f"sources has {', '.join(p.of_role('generator'))}")
    for key, names in {"ablated": p.ablated, "sound_checks": p.sound_checks, "label_checks": p.label_checks}.items():
        if odd := [name for name in names if name not in p.detectors]:
            raise ParamsError(unknown(f"detector in {key}", odd[0], p.detectors))
    networks = [name for name, entry in p.detectors.items() if entry.parameters]
    for key, names in {"explained": p.explained, "explain.reference": [p.explain.reference]}.items():
        if odd := [name for name in names if name not in networks]:
            raise ParamsError(unknown(f"network in {key}", odd[0], networks))
    for name in p.identity.embeddings:
        if name not in p.nets:
            raise ParamsError(unknown("network in identity.embeddings", name, p.nets))
    for name in p.identity_checks:
        if name not in p.identity.embeddings:
            raise ParamsError(unknown("network in identity_checks", name, p.identity.embeddings))
    for name, profile in p.profiles.items():
        _check_profile(p, name, profile)


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
    if profile.corpus == "mini" and profile.render is None:
        raise ParamsError(f"{where} renders its corpus and needs `render:`")
    roles_and_sources = [*p.sources, "generator", "unseen", "real", "swap"]
    for key in profile.render.clips if profile.render else ():
        if key not in roles_and_sources:
            raise ParamsError(unknown(f"key in {where}.render.clips", key, roles_and_sources))


def _explain(error: ValidationError) -> str:
    """One fault of a pydantic report, as one line; an unknown key before what it may have been meant for."""
    first = min(error.errors(), key=lambda fault: fault["type"] != "extra_forbidden")
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        parent = ".".join(str(part) for part in first["loc"][:-1]) or "params.yaml"
        return unknown(f"key in {parent}", first["loc"][-1], _known_keys(first["loc"][:-1]))
    if first["type"] == "missing":
        return f"params.yaml lacks {where}"
    return f"params.yaml: {where} = {first.get('input')!r}: {first['msg'].lower()}"


def _known_keys(loc: tuple[Any, ...]) -> list[str]:
    """The field names that the model at `loc` knows; a mapping's own keys are stepped over."""
    model: Any = Params
    for part in loc:
        if part in getattr(model, "model_fields", {}):
            model = _inner(model.model_fields[part].annotation)
    return list(model.model_fields)


def _inner(annotation: Any) -> Any:
    """The model inside `dict[str, Model]` or `Model | None`, or the annotation itself."""
    models = [a for a in get_args(annotation) if isinstance(a, type) and issubclass(a, BaseModel)]
    return models[0] if models else annotation


def switch_profile(path: Path, name: str) -> None:
    """Rewrite the `profile:` word on params.yaml's first line, keeping its comment."""
    text = path.read_text(encoding="utf-8")
    switched, n = re.subn(r"\A(profile:\s*)\S+", rf"\g<1>{name}", text)
    if not n:
        raise ParamsError("the first line of params.yaml must be `profile: <name>`")
    parse(yaml.safe_load(switched))
    part = path.with_suffix(".yaml.part")
    part.write_text(switched, encoding="utf-8")
    part.replace(path)
