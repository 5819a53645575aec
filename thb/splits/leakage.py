"""What training and test have in common, by name alone: people, drivers, generators, clips, files."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

# Each kind reads from a table of clips the set of things that must not be on both sides.
KINDS = ("identity", "driver", "generator", "real")


def overlap(kind: str, seen: pd.DataFrame, tested: pd.DataFrame) -> list[str]:
    """What both tables hold of one kind, sorted."""
    return sorted(_things(kind, seen) & _things(kind, tested))


def _things(kind: str, clips: pd.DataFrame) -> set[str]:
    if kind == "identity":
        return people(clips)
    if kind == "driver":
        return set(clips["driver"]) - {""}
    return set(
        clips.loc[clips["role"] != "real", "source"]
        if kind == "generator"
        else clips.loc[clips["role"] == "real", "clip"]
    )


def people(clips: pd.DataFrame) -> set[str]:
    """Everyone a clip shows or is moved by: portraits, and the videos that reals and drivers are cut from."""
    return (set(clips["portrait"]) | set(clips["video"])) - {""}


# ---- of the corpus as a whole -----------------------------------------------------------------------


def reals_that_drive(clips: pd.DataFrame, known: pd.DataFrame | None = None) -> list[str]:
    """Real clips that also drive a fake, each with the splits on both sides; across splits it is a leak.

    `known` (`clip`, `generator`, `seen`) are drivers whose fakes of the release need not be at hand.
    """
    reals = clips[clips["role"] == "real"]
    split_of = dict(zip((clip.partition("/")[2] for clip in reals["clip"]), reals["split"], strict=True))
    by_nature = clips["role"] == "swap"  # a swap's target is a real clip that drives it
    fakes = clips[clips["driver"].isin(split_of) & ~by_nature]
    found = {
        f"{fake.driver}: real in {split_of[fake.driver]}, drives {fake.source} in {fake.split}"
        for fake in fakes.itertuples()
    }
    elsewhere = known[known["clip"].isin(set(split_of) - set(fakes["driver"]))] if known is not None else fakes[:0]
    return sorted(
        found
        | {
            f"{row.clip}: real in {split_of[row.clip]}, drives {row.generator} ({row.seen})"
            for row in elsewhere.itertuples()
        }
    )


def repeated(clips: pd.DataFrame) -> list[str]:
    """Clips of one source with the same portrait and driver as another of its clips."""
    named = clips[(clips["portrait"] != "") & (clips["driver"] != "")]
    return sorted(named.loc[named.duplicated(["source", "portrait", "driver"], keep=False), "clip"])


def swaps_across_splits(clips: pd.DataFrame) -> list[str]:
    """Face swaps whose donor is a real clip of another split than their target."""
    reals = clips[clips["role"] == "real"]
    split_of = dict(zip(reals["video"], reals["split"], strict=True))
    swaps = clips[clips["role"] == "swap"]
    donors = swaps["portrait"].map(split_of)
    return sorted(swaps.loc[donors.notna() & (donors != swaps["split"]), "clip"])


def trained_officially(clips: pd.DataFrame, official: Mapping[str, str]) -> list[str]:
    """Real test clips in the train part of FF++'s own split: published weights may have seen them."""
    tested = clips[(clips["role"] == "real") & (clips["split"] == "test")]
    return sorted(tested.loc[tested["video"].map(official) == "train", "clip"])


def same_files(clips: pd.DataFrame, manifest: pd.DataFrame) -> list[str]:
    """Clips whose files are byte for byte alike (manifest: `path`, `sha256`), joined by ` = `."""
    held = clips[["clip", "path"]].merge(manifest[["path", "sha256"]], on="path")
    alike = held[held.duplicated("sha256", keep=False)].sort_values("clip")
    return [" = ".join(group["clip"]) for _, group in alike.groupby("sha256")]
