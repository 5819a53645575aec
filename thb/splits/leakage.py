"""What training and test have in common, by name alone: people, drivers, generators, clips, files."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

# Each kind reads from a table of clips the set of things that must not be on both sides.
KINDS = ("identity", "driver", "generator", "real")
EXAMPLES = 5  # of what is shared, in a report


def listed(things: list[str]) -> dict[str, object]:
    """How many there are, and the first of them."""
    return {"count": len(things), "examples": things[:EXAMPLES]}


def overlap(kind: str, seen: pd.DataFrame, tested: pd.DataFrame) -> list[str]:
    """What both tables hold of one kind, sorted."""
    return sorted(_things(kind, seen) & _things(kind, tested))


def _things(kind: str, clips: pd.DataFrame) -> set[str]:
    if kind == "identity":  # portraits, and the videos that reals and drivers are cut from
        return (set(clips["portrait"]) | set(clips["video"])) - {""}
    if kind == "driver":
        return set(clips["driver"]) - {""}
    if kind == "generator":
        return set(clips.loc[clips["role"] != "real", "source"])
    return set(clips.loc[clips["role"] == "real", "clip"])


# ---- of the corpus as a whole -----------------------------------------------------------------------


def reals_that_drive(clips: pd.DataFrame, known: pd.DataFrame | None = None) -> list[str]:
    """Real clips that also drive a fake, each with the splits on both sides; across splits it is a leak.

    `known` (`clip`, `generator`, `seen`) are drivers whose fakes of the release need not be at hand.
    """
    reals = clips.loc[clips["role"] == "real"]
    split_of = dict(zip((clip.partition("/")[2] for clip in reals["clip"]), reals["split"], strict=True))
    by_nature = clips["role"] == "swap"  # a swap's target is a real clip that drives it
    fakes = clips.loc[clips["driver"].isin(split_of) & ~by_nature]
    drives = [(row["driver"], f"{row['source']} in {row['split']}") for row in fakes.to_dict("records")]
    if known is not None:
        elsewhere = known.loc[known["clip"].isin(split_of) & ~known["clip"].isin(fakes["driver"])]
        drives += [(row["clip"], f"{row['generator']} ({row['seen']})") for row in elsewhere.to_dict("records")]
    return sorted({f"{real}: real in {split_of[real]}, drives {fake}" for real, fake in drives})


def repeated(clips: pd.DataFrame) -> list[str]:
    """Clips of one source with the same portrait and driver as another of its clips."""
    named = clips.loc[(clips["portrait"] != "") & (clips["driver"] != "")]
    return sorted(named.loc[named.duplicated(["source", "portrait", "driver"], keep=False), "clip"])


def swaps_across_splits(clips: pd.DataFrame) -> list[str]:
    """Face swaps whose donor is a real clip of another split than their target."""
    reals, swaps = (clips.loc[clips["role"] == role] for role in ("real", "swap"))
    split_of = dict(zip(reals["video"], reals["split"], strict=True))
    donors = swaps["portrait"].map(split_of)
    return sorted(swaps.loc[donors.notna() & (donors != swaps["split"]), "clip"])


def trained_officially(clips: pd.DataFrame, official: Mapping[str, str]) -> list[str]:
    """Real test clips in the train part of FF++'s own split: published weights may have seen them."""
    tested = clips.loc[(clips["role"] == "real") & (clips["split"] == "test")]
    return sorted(tested.loc[tested["video"].map(official) == "train", "clip"])


def same_files(clips: pd.DataFrame, manifest: pd.DataFrame) -> list[str]:
    """Clips whose files are byte for byte alike (manifest: `path`, `sha256`), joined by ` = `."""
    held = clips.loc[:, ["clip", "path"]].merge(manifest.loc[:, ["path", "sha256"]], on="path")
    alike = held.loc[held.duplicated("sha256", keep=False)].sort_values("clip")
    return [" = ".join(group["clip"]) for _, group in alike.groupby("sha256")]
