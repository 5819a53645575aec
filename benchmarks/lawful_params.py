"""What a lawful params.yaml is: the documented range of every value, and what must go together.

Written apart from thb's own checks, for mutated_params.py to judge them by; nothing of thb is imported. A rule says of
a value whether it is lawful; no key of the shipped file may be missing unless it is listed as optional, and no other
may be there.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
Tree = dict[str, Any]
Rule = Callable[[Any], bool]


def whole(low: int, high: int) -> Rule:
    return lambda v: type(v) is int and low <= v <= high


def real(low: float, high: float, above: bool = False, below: bool = False) -> Rule:
    """`above`: more than `low`; `below`: less than `high`."""

    def holds(v: Any) -> bool:
        if type(v) not in (int, float) or not math.isfinite(v) or not low <= v <= high:
            return False
        return not (above and v == low) and not (below and v == high)

    return holds


def one(*known: Any) -> Rule:
    return lambda v: any(v == k and type(v) is type(k) for k in known)


def text(most: int = 200) -> Rule:
    return lambda v: type(v) is str and 0 < len(v) <= most and v.isprintable()


def shape(pattern: str) -> Rule:
    return lambda v: type(v) is str and re.fullmatch(pattern, v) is not None


def either(*rules: Rule) -> Rule:
    return lambda v: any(rule(v) for rule in rules)


def several(rule: Rule, least: int = 0, most: int = 1000) -> Rule:
    return lambda v: type(v) is list and least <= len(v) <= most and all(map(rule, v))


def flag(v: Any) -> bool:
    return type(v) is bool


def null(v: Any) -> bool:
    return v is None


name = shape(r"[A-Za-z][A-Za-z0-9_]{0,39}")
share, part, some = real(0, 1), real(0, 1, below=True), real(0, 1, above=True, below=True)
count, upto = whole(1, 10_000), whole(0, 10_000)
roles, splits = one("generator", "unseen", "real", "swap"), one("train", "val", "test")
place = lambda v: type(v) is str and len(v) <= 4096 and (v == "" or v.isprintable())  # noqa: E731
factor, strength, amount = real(0, 16, above=True), real(0, 10), real(0, 10_000)
width, side = whole(1, 8192), whole(16, 4096)
repository = shape(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
commit = shape("[0-9a-f]{40}")

# Of every detector that is a network, then of each.
TRAINING: dict[str, Rule] = {
    "compat": one("fixed", "official"),
    "start_from": one("ffpp", "scratch"),
    "init_weights": shape(r"none|.+\.safetensors|hub:[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(@[A-Za-z0-9][\w.-]*)?"),
    "epochs": count,
    "patience": upto,
    "max_hours": amount,
    "repeats": count,
    "batch": count,
    "last_batch": one("keep", "drop", "fill"),
    "record": one("auto", "off"),
    "train_units": count,
    "test_units": count,
    "score_batch": count,
    "pool": one("logit", "probability"),
    "optimiser": one("adamw", "sgd"),
    "momentum": part,
    "weight_decay": strength,
    "decay": one("all", "matrices"),
    "clip_grad": amount,
    "precision": one("bfloat16", "float16", "float32"),
    "lr": real(0, 10, above=True),
    "schedule": one("cosine", "cosine_after_warmup", "steps"),
    "lr_steps": several(lambda v: type(v) is list and len(v) == 2 and amount(v[0]) and strength(v[1])),
    "warmup_epochs": amount,
    "warmup_lr": strength,
    "min_lr": strength,
    "lr_every": one("epoch", "batch"),
    "lr_delay": upto,
    "label_smoothing": part,
}
LOGISTIC: dict[str, Rule] = {
    "inverse_penalty": real(0, 10_000, above=True),
    "iterations": whole(1, 10**6),
    "balanced": flag,
}
SETTINGS: dict[str, dict[str, Rule]] = {
    "caddm": {
        **TRAINING,
        "backbone": one("resnet34", "tf_efficientnet_b3", "tf_efficientnet_b4", "small"),
        "widths": several(width),
        "size": side,
        "crop": one("aligned", "native"),
        "margin": factor,
        "dropout": part,
        "drop_path": part,
        "flip": share,
        "jitter": strength,
        "augment": strength,
        "swaps": several(share, 4, 4),
        "poisson": share,
        "mask_warp": share,
        "self_blend": share,
        "box_loss": amount,
    },
    "tall": {
        **TRAINING,
        "size": side,
        "thumbnail": side,
        "crop": one("scaled", "native"),
        "margin": factor,
        "scales": several(real(0, 1, above=True), 1),
        "flip": share,
        "cutout": upto,
        "stem": one("patch", "highpass"),
        "stem_width": upto,
        "patch": whole(2, 256),
        "dim": width,
        "depths": several(whole(1, 100), 1),
        "heads": several(whole(1, 256), 1),
        "window": whole(1, 256),
        "mlp": factor,
        "drop_path": part,
    },
    "lipfd": {
        **TRAINING,
        "encoder": one("clip", "small"),
        "frozen_encoder": flag,
        "size": whole(32, 4096),
        "dim": width,
        "depth": whole(1, 200),
        "heads": whole(1, 256),
        "layers": several(whole(1, 100)),
        "width": upto,
        "lips": upto,
        "measures": upto,
        "ra_weight": amount,
        "flip": share,
        "sync_weight": amount,
    },
    "df_adapter": {
        **TRAINING,
        "readout": one("pooled", "cls", "first"),
        "save": one("all", "trainable"),
        "frozen": flag,
        "size": whole(32, 4096),
        "crop": one("scaled", "native"),
        "margin": factor,
        "flip": share,
        "stem": one("patch", "highpass"),
        "stem_width": upto,
        "patch": whole(2, 256),
        "dim": width,
        "depth": whole(1, 200),
        "heads": whole(1, 256),
        "mlp": factor,
        "bottleneck": width,
        "prior_width": width,
        "interactions": whole(1, 200),
        "cross_heads": whole(1, 256),
    },
    "container": LOGISTIC,
    "image_stats": {**LOGISTIC, "runs": count},
}
LENGTHS = {"caddm": 1, "tall": 4, "lipfd": 5, "df_adapter": 1}  # frames of a unit
HEARS, MAKES_FAKES = {"lipfd"}, {"caddm"}

SOURCE: dict[str, Rule] = {
    "role": roles,
    "folder": shape(r"(fake|real)(/[A-Za-z0-9][A-Za-z0-9._+-]{0,79}){1,8}"),
    "printed": text(),
    "family": either(null, one("diffusion", "non-diffusion")),
    "driven_by": either(null, one("audio", "video")),
}
# Where the pattern of a value's place is, what it may be; the first that fits counts.
RULES: dict[str, Rule] = {
    "profile": name,
    **{f"{block}.*.{key}": rule for block in ("generators", "sources") for key, rule in SOURCE.items()},
    "fetch.repo": repository,
    "fetch.workers": whole(1, 64),
    "fetch.retries": whole(0, 100),
    "fetch.pause": real(0, 600, above=True),
    "fetch.timeout": real(0, 3600, above=True),
    "protocols.*.title": text(),
    "protocols.*.fit": one("all", "no-generator", "every-no", "ffpp"),
    "protocols.*.fakes": several(roles, 1),
    "protocols.*.split": several(splits, 1),
    "protocols.*.reals": several(splits, 1),
    "protocols.*.printed": either(null, text()),
    "protocols.*.disjoint": several(one("identity", "driver", "generator", "real")),
    "metrics.roc": one("step", "linear"),
    "metrics.bootstrap": whole(10, 100_000),
    "metrics.confidence": real(0.5, 1, below=True),
    "metrics.seed": whole(0, 2**32 - 1),
    "metrics.fpr.*": some,
    "detectors.*.printed": either(null, text()),
    "detectors.*.control": flag,
    "detectors.*.sees": either(null, text()),
    "detectors.*.parameters.*": whole(1, 10**12),
    "ablations.*.fingerprint": either(null, strength),
    "ablations.*.artefacts": either(null, strength),
    "label_checks.*": whole(2, 1000),
    "explain.reference": name,
    "explain.shown": whole(1, 100),
    "explain.sure": share,
    "explain.boxes": whole(1, 100),
    "explain.sanity": whole(2, 10_000),
    "nets.*.repo": either(one(""), repository),
    "nets.*.revision": either(one(""), commit),
    "nets.*.file": shape(r"([A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)*)?"),
    "nets.*.sha256": shape("[0-9a-f]{64}"),
    "nets.*.path": place,
    "identity.frames": one(1, 3, 5, 7, 9),
    "identity.embeddings.*.same": real(0, 1, above=True),
    "identity.embeddings.*.mean": real(0, 255),
    "identity.embeddings.*.scale": real(0, 255, above=True),
    "profiles.*.corpus": one("mini", "hub"),
    "profiles.*.revision": either(null, commit),
    "profiles.*.raw_dir": either(null, place),
    "profiles.*.seed": whole(0, 2**32 - 1),
    "profiles.*.training_seed": whole(0, 2**32 - 1),
    "profiles.*.workers": whole(0, 1024),
    "profiles.*.max_failed_share": share,
    "profiles.*.finder": one("truth", "haar", "yunet"),
    "profiles.*.explain.units": count,
    "profiles.*.explain.reals": upto,
    "profiles.*.store.windows": whole(1, 1000),
    "profiles.*.store.test_windows": whole(1, 1000),
    "profiles.*.store.run": whole(1, 1000),
    "profiles.*.store.face.size": side,
    "profiles.*.store.face.margin": real(1, 16),
    "profiles.*.store.size": side,
    "profiles.*.store.sound.rate": whole(1000, 192_000),
    "profiles.*.store.sound.fft": whole(16, 65_536),
    "profiles.*.store.sound.hop": whole(1, 65_536),
    "profiles.*.store.sound.mels": whole(1, 1024),
    "profiles.*.render.size": whole(32, 4096),
    "profiles.*.render.seconds": several(real(0.2, 16), 2, 2),
    "profiles.*.render.fingerprint": strength,
    "profiles.*.render.artefacts": strength,
    "profiles.*.render.curation": real(0, 10, above=True),
    "profiles.*.render.clips.*.train": upto,
    "profiles.*.render.clips.*.val": upto,
    "profiles.*.render.clips.*.test": upto,
    "profiles.*.reals.ffpp": place,
    "profiles.*.reals.celebvhq": place,
    "profiles.*.reals.compression": one("raw", "c23", "c40"),
    "profiles.paper.render": null,
    "profiles.*.render": null,
    **{f"detectors.{d}.defaults.{key}": rule for d, rules in SETTINGS.items() for key, rule in rules.items()},
    **{f"profiles.*.detectors.{d}.{key}": rule for d, rules in SETTINGS.items() for key, rule in rules.items()},
    "ablated": several(name),
    "explained": several(name),
    "sound_checks": several(name),
    "identity_checks": several(name),
}
# Mappings that may hold any name; the others hold what the shipped file holds.
NAMED = (
    "generators",
    "sources",
    "protocols",
    "detectors",
    "exhibits",
    "ablations",
    "label_checks",
    "nets",
    "identity.embeddings",
    "profiles",
    "metrics.fpr",
    "profiles.*.render.clips",
)
OPTIONAL = (
    "*.family",
    "*.driven_by",
    "protocols.*.reals",
    "protocols.*.printed",
    "detectors.*.control",
    "detectors.*.sees",
    "detectors.*.parameters",
    "nets.*.repo",
    "nets.*.revision",
    "nets.*.file",
    "nets.*.path",
    "identity.embeddings.*.mean",
    "identity.embeddings.*.scale",
    "profiles.*.reals",
    "profiles.*.reals.*",
    "ablations.*.*",
    "profiles.*.detectors.*.*",
    "exhibits.*.*",
    *(f"{named}.*" for named in NAMED),
)


def fault(tree: Any, shipped: Tree) -> str:
    """Why the settings are not lawful; '' if they are."""
    if type(tree) is not dict:
        return "no mapping"
    try:
        return next(_values(tree), "") or next(_missing(tree, shipped), "") or next(_relations(tree), "")
    except (KeyError, TypeError, AttributeError) as e:  # of what was added, a part is missing
        return f"incomplete: {e!r}"


def _values(node: Any, at: str = "") -> Iterator[str]:
    """Each value by its own rule; a place without one is unknown."""
    if at.startswith("exhibits."):
        return
    rule = _rule_of(at)
    if rule and not (type(node) is dict and node and at.endswith(".render")):
        if not rule(node):
            yield f"{at}: {node!r:.60}"
    elif type(node) is not dict or not (at == "" or any(_begins(at, pattern) for pattern in [*RULES, *NAMED])):
        yield f"{at} is unknown"
    else:
        for key, value in node.items():
            if (
                type(key) is not str
                or (any(_fits(at, named) for named in NAMED if named != "metrics.fpr") and not name(key))
                or ("." in key and at != "metrics.fpr")
            ):
                yield f"{at}: key {key!r}"
            else:
                yield from _values(value, f"{at}.{key}".lstrip("."))


@cache
def _rule_of(at: str) -> Rule | None:
    return next((rule for pattern, rule in RULES.items() if _fits(at, pattern)), None)


@cache
def _fits(at: str, pattern: str) -> bool:
    """Part by part; all parts of a rate's name are one."""
    if pattern == "metrics.fpr.*":
        return at.startswith("metrics.fpr.")
    return at.count(".") == pattern.count(".") and _begins(at, pattern)


@cache
def _begins(at: str, pattern: str) -> bool:
    """Whether the pattern's first parts are those of `at`."""
    one_, two = at.split("."), pattern.split(".")
    return len(one_) <= len(two) and all(map(fnmatchcase, one_, two))


def _missing(tree: Tree, shipped: Any, at: str = "") -> Iterator[str]:
    for key, value in shipped.items():
        here = f"{at}.{key}".lstrip(".")
        if here.startswith("exhibits."):
            continue
        if key not in tree:
            if not any(fnmatchcase(here, pattern) and _same_depth(here, pattern) for pattern in OPTIONAL):
                yield f"{here} is missing"
        elif type(value) is dict and type(tree[key]) is dict:
            yield from _missing(tree[key], value, here)


def _same_depth(at: str, pattern: str) -> bool:
    return pattern.startswith("*.") or at.startswith("metrics.fpr.") or at.count(".") == pattern.count(".")


# ---- what must go together --------------------------------------------------------------------------


def _relations(t: Tree) -> Iterator[str]:
    if t["profile"] not in t["profiles"]:
        yield "profile"
    yield from _sources(t)
    yield from _protocols(t)
    yield from _rates(t["metrics"]["fpr"])
    yield from _detectors(t)
    yield from _lists(t)
    for profile in t["profiles"].values():
        yield from _profile(t, profile)
    yield from _exhibits(t)


PRINTED_FAKES = {
    "Hallo",
    "Hallo2",
    "AniPortraitAudio",
    "AniPortraitVideo",
    "LivePortrait",
    "EMOPortraits",
    "MAGI-1",
    "Hallo3",
}
PRINTED_REALS = {"FaceForensics++", "CelebV-HQ"}


def _sources(t: Tree) -> Iterator[str]:
    sources = t["sources"]
    if {k: v for k, v in sources.items() if v["role"] == "generator"} != t["generators"]:
        yield "generators are not the sources of that role"
    of_role = [source["role"] for source in sources.values()]
    if of_role.count("generator") < 2 or "real" not in of_role or "swap" not in of_role:
        yield "a role lacks sources"
    folders = [source["folder"].split("/") for source in sources.values()]
    if any(a == b[: len(a)] for i, a in enumerate(folders) for j, b in enumerate(folders) if i != j):
        yield "folders overlap"
    printed = [source["printed"] for source in sources.values()]
    if len(set(printed)) < len(printed):
        yield "printed twice"
    for source in sources.values():
        fake = source["role"] in ("generator", "unseen")
        if source["folder"].startswith("fake/") != fake:
            yield "folder of another role"
        if source["role"] != "swap" and source["printed"] not in (PRINTED_FAKES if fake else PRINTED_REALS):
            yield "not printed"


def _protocols(t: Tree) -> Iterator[str]:
    of_role = {source["role"] for source in t["sources"].values()}
    for p in t["protocols"].values():
        fit, fakes, split = p["fit"], p["fakes"], p["split"]
        for listed in (fakes, split, p.get("reals", ["test"]), p["disjoint"]):
            if len(set(listed)) < len(listed):
                yield "a word twice"
        if p.get("reals", ["test"]) != ["test"]:
            yield "reals that were trained on"
        if not set(fakes) <= of_role:
            yield "no such source"
        free = {
            "all": {"generator", "unseen"},
            "no-generator": {"generator"},
            "every-no": {"unseen"},
            "ffpp": {"swap", "generator"},
        }[fit]
        if not set(fakes) <= free or (fit != "no-generator" and split != ["test"]):
            yield "clips that the fit has seen, or no scores"
        if "generator" in p["disjoint"] and {"all": "generator", "ffpp": "swap"}.get(fit) in fakes:
            yield "a promise that cannot be kept"
        known = {
            None: True,
            "P1": fit == "all" and split == ["test"],
            "P2": fit == "no-generator" and split in (["train"], ["train", "val"]),
            "P3": fit in ("no-generator", "every-no") and split == ["test"],
        }
        if not known.get(p.get("printed"), False):
            yield "beside numbers of another protocol"


def _rates(fpr: Tree) -> Iterator[str]:
    if not fpr or next(iter(fpr)) != "T1":
        yield "the headline's rate"
    for called, rate in fpr.items():
        if not re.fullmatch(r"T[0-9.]+", called) or not math.isclose(float(called[1:]) / 100, rate, rel_tol=1e-9):
            yield f"{called} is not {rate}"


def _detectors(t: Tree) -> Iterator[str]:
    if set(t["detectors"]) - set(SETTINGS):
        yield "no such detector"
    printed = [d["printed"] for d in t["detectors"].values() if d["printed"]]
    if len(set(printed)) < len(printed) or not set(printed) <= {"CADDM", "TALL", "LipFD", "DF-Adapter"}:
        yield "detector is not printed so"
    for called, d in t["detectors"].items():
        control = d.get("control", False)
        if control != (d["printed"] is None) or control != (d.get("sees") is not None):
            yield "a control is not printed, and says what it sees"
        size = d.get("parameters")
        if size and not (set(size) == {"total", "trainable"} and size["trainable"] <= size["total"]):
            yield "parameters"
        if set(d["defaults"]) != set(SETTINGS[called]):
            yield "defaults"


def _lists(t: Tree) -> Iterator[str]:
    networks = {called for called, d in t["detectors"].items() if d.get("parameters")}
    for key, known in {
        "ablated": set(t["detectors"]),
        "sound_checks": HEARS & set(t["detectors"]),
        "label_checks": set(t["detectors"]) - MAKES_FAKES,
        "explained": networks,
        "identity_checks": set(t["identity"]["embeddings"]),
    }.items():
        if not set(t[key]) <= known or len(set(t[key])) < len(t[key]):
            yield key
    if t["explain"]["reference"] not in t["explained"]:
        yield "reference"
    if not set(t["identity"]["embeddings"]) <= set(t["nets"]):
        yield "embeddings"
    for net in t["nets"].values():
        if len({bool(net.get(key)) for key in ("repo", "revision", "file")}) > 1:
            yield "a file on the Hub by halves"
    if any(all(v is None for v in ablation.values()) for ablation in t["ablations"].values()):
        yield "an ablation of nothing"


def _profile(t: Tree, p: Tree) -> Iterator[str]:
    sound = p["store"]["sound"]
    if p["store"]["test_windows"] > p["store"]["windows"]:
        yield "windows"
    if sound["hop"] > sound["fft"] or sound["mels"] > sound["fft"] // 2 + 1:
        yield "sound"
    if p["corpus"] == "hub" and (p["revision"] is None or p["finder"] == "truth"):
        yield "hub"
    if p["corpus"] == "mini" and not p["render"]:
        yield "render"
    if p["render"] and p["corpus"] == "mini":
        yield from _render(t, p["render"])
    if set(p["detectors"]) != set(t["detectors"]):
        yield "detectors of the profile"
    for called, d in t["detectors"].items():
        settings = {**d["defaults"], **p["detectors"].get(called, {})}
        if called in LENGTHS:
            yield from _network(t, p, called, settings)


def _render(t: Tree, r: Tree) -> Iterator[str]:
    if r["seconds"][0] > r["seconds"][1]:
        yield "seconds"
    if set(r["clips"]) - {*t["sources"], "generator", "unseen", "real", "swap"}:
        yield "clips of nobody"
    counts = {called: r["clips"].get(called, r["clips"].get(source["role"])) for called, source in t["sources"].items()}
    for called, c in counts.items():
        if c is None or set(c) != {"train", "val", "test"}:
            yield "no counts"
            return
        if t["sources"][called]["role"] == "unseen":
            if c["train"] or c["val"] or not c["test"]:
                yield "unseen generators are tested only"
        elif not all(c.values()):
            yield "a fit without clips"
    of_ffpp = [c for called, c in counts.items() if "original_sequences" in t["sources"][called]["folder"]]
    swaps = [c for called, c in counts.items() if t["sources"][called]["role"] == "swap"]
    if any(c[s] > sum(f[s] for f in of_ffpp) // 2 * 2 for c in swaps for s in ("train", "val", "test")):
        yield "more swaps than pairs"
    if sum(sum(c.values()) for c in of_ffpp) > 1000:
        yield "more FF++ than there are"


def _network(t: Tree, p: Tree, called: str, s: Tree) -> Iterator[str]:
    store, length = p["store"], LENGTHS[called]
    kept = store["test_windows"] * (store["run"] // length)
    if s["test_units"] > kept or s["train_units"] > store["windows"] or store["run"] < length:
        yield f"{called}: units"
    if called in t["explained"] and p["explain"]["units"] > kept:
        yield f"{called}: units explained"
    if s["warmup_epochs"] > s["epochs"] or s["lr_delay"] > s["epochs"] or max(s["warmup_lr"], s["min_lr"]) > s["lr"]:
        yield f"{called}: schedule"
    starts = [start for start, _ in s["lr_steps"]]
    if any(b <= a for a, b in pairwise(starts)):
        yield f"{called}: steps"
    if s.get("crop") == "native" and s["size"] > store["face"]["size"]:
        yield f"{called}: crop"
    yield from {"caddm": _caddm, "tall": _tall, "lipfd": _lipfd, "df_adapter": _df_adapter}[called](s, store)
    if called == "lipfd" and s["sync_weight"] and called in t["label_checks"]:
        yield "labels that need not be learnt"


def _is_power_of_two(n: int) -> bool:
    return n in [2**i for i in range(20)]


def _caddm(s: Tree, store: Tree) -> Iterator[str]:
    if abs(sum(s["swaps"]) - 1) > 1e-6:
        yield "shares"
    small = s["backbone"] == "small"
    if small != bool(s["widths"]) or -(-s["size"] // 2 ** (len(s["widths"]) if small else 5)) != 7:
        yield "7 x 7"


def _tall(s: Tree, store: Tree) -> Iterator[str]:
    if len(s["depths"]) != len(s["heads"]) or any(s["dim"] * 2**i % h for i, h in enumerate(s["heads"])):
        yield "heads"
    if s["crop"] == "native" and s["scales"] != [1]:
        yield "native"
    if s["thumbnail"] % (2 * s["patch"]) or s["cutout"] > s["size"]:
        yield "thumbnail"
    if s["stem"] == "highpass" and (
        s["thumbnail"] != 2 * s["size"] or not s["stem_width"] or not _is_power_of_two(s["patch"])
    ):
        yield "stem"


def _lipfd(s: Tree, store: Tree) -> Iterator[str]:
    if s["encoder"] == "clip":
        if s["sync_weight"] or s["dim"] % s["heads"] or len(s["layers"]) != 4:
            yield "clip"
    elif (
        not (s["width"] and s["lips"] and s["measures"])
        or s["size"] % 2
        or s["lips"] % 8
        or (store["sound"]["mels"] % 8 or max(s["size"], s["lips"]) > store["size"])
    ):
        yield "small"


def _df_adapter(s: Tree, store: Tree) -> Iterator[str]:
    if s["size"] % s["patch"] or s["dim"] % s["heads"] or s["dim"] % s["cross_heads"] or s["depth"] % s["interactions"]:
        yield "sizes"
    if s["readout"] == "cls" and s["depth"] < 2:
        yield "readout"
    if s["stem"] == "highpass" and not (s["stem_width"] and _is_power_of_two(s["patch"])):
        yield "stem"
    pinned = s["init_weights"] != "none" and ("@" in s["init_weights"] or not s["init_weights"].startswith("hub:"))
    if s["save"] == "trainable" and not (s["frozen"] and pinned):
        yield "save"


# ---- exhibits ---------------------------------------------------------------------------------------


def _exhibits(t: Tree) -> Iterator[str]:
    metrics = one("AUC", *t["metrics"]["fpr"], "Brier", "EER")
    protocol, detector = one(*t["protocols"]), one(*t["detectors"])
    rules: dict[str, Rule] = {
        "protocol": protocol,
        "before": protocol,
        "after": protocol,
        "one_by_one": protocol,
        "protocols": _set_of(protocol),
        "detector": detector,
        "chosen_by": detector,
        "detectors": _set_of(detector),
        "generators": _set_of(one(*t["generators"])),
        "metric": metrics,
        "metrics": _set_of(metrics),
        "rules": several(one("caught_fake", "missed_fake", "accused_real", "cleared_real")),
        "frames": whole(1, 100),
        "table": one(1, 2, 3),
        "by": one("protocol", "generator"),
        "reference": one("v1", "later"),
        "sure": share,
        "solved": share,
        "threshold": either(share, one(*t["metrics"]["fpr"])),
        "palette": text(),
    }
    for called, exhibit in t["exhibits"].items():
        if type(exhibit) is not dict or not name(called) or type(exhibit.get("notebook")) is not str:
            yield "no exhibit"
            return
        known = parameters().get(exhibit["notebook"])
        for key, value in exhibit.items():
            if known is None or (key != "notebook" and (key not in known or not rules.get(key, lambda _: True)(value))):
                yield f"exhibits.{called}.{key}"


def _set_of(rule: Rule) -> Rule:
    return lambda v: several(rule)(v) and len(set(v)) == len(v)


def parameters() -> dict[str, list[str]]:
    """Notebook -> what it may be given, as it says itself."""
    found = {}
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        source = next("".join(c["source"]) for c in cells if "parameters" in c["metadata"].get("tags", []))
        found[path.stem] = [key for key in re.findall(r"^(\w+) = ", source, re.M) if key != "save"]
    return found
