"""The cards (GPUs) of this machine, and which stage has which: found without torch, lent by a pool.

A stage sees one card, by CUDA_VISIBLE_DEVICES in its environment; where there is none, nothing changes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from thb.core.errors import ParamsError

VARIABLE = "CUDA_VISIBLE_DEVICES"
ON_A_CARD = (  # stages where networks run
    *("pretrain", "train", "train_without", "label_train", "variant_train"),
    *("score", "score_shuffled", "label_score", "variant_score", "reencode_score", "choice", "explain"),
)
_LISTED = re.compile(r"^GPU (\d+): .*\(UUID: (GPU-[0-9A-Za-z-]+)\)$", re.M)  # a line of `nvidia-smi -L`
_SECONDS = 30  # that nvidia-smi may take


def uses_a_card(stage: str) -> bool:
    """Whether a stage runs a network."""
    return stage.split("@")[0] in ON_A_CARD


class Cards:
    """Lends cards to stages, each to `per_card` of them at once, the least lent first."""

    def __init__(self, cards: Iterable[str], per_card: int = 1) -> None:
        self.cards, self.per_card = tuple(cards), per_card
        self._lent = dict.fromkeys(self.cards, 0)
        self._free = threading.Condition()

    def acquire(self) -> str:
        """A card; waits until one has room. Not to be called where there is no card."""
        with self._free:
            self._free.wait_for(lambda: min(self._lent.values()) < self.per_card)
            card = min(self.cards, key=self._lent.__getitem__)
            self._lent[card] += 1
            return card

    def release(self, card: str) -> None:
        with self._free:
            self._lent[card] -= 1
            self._free.notify()

    @contextmanager
    def lent_to(self, stage: str) -> Iterator[dict[str, str]]:
        """What to add to a stage's environment: a card of its own if networks run there, else nothing."""
        if not self.cards or not uses_a_card(stage):
            yield {}
            return
        card = self.acquire()
        try:
            yield {VARIABLE: card}
        finally:
            self.release(card)


def chosen(asked: str, there: Iterable[str]) -> list[str]:
    """Of the cards that are there: all, so many of them, or those that are listed ("0,2"; "2," is card 2 alone).

    Raises ParamsError for what is none of these, or is not there.
    """
    cards = list(there)
    if asked == "all":
        return cards
    numbers = asked.removesuffix(",").split(",")
    if not all(re.fullmatch(r"[0-9]{1,4}", number) for number in numbers) or asked == "0":
        raise ParamsError(f"--gpus {asked!r} is neither all, nor a count, nor a list of cards such as 0,2 (2, for one)")
    if "," not in asked:
        if int(asked) > len(cards):
            raise ParamsError(f"--gpus {asked}: {len(cards)} are there; ask for as many at most, or for all")
        return cards[: int(asked)]
    if odd := [number for number in numbers if int(number) >= len(cards)]:
        raise ParamsError(f"--gpus {asked}: there is no card {odd[0]}; known: {', '.join(map(str, range(len(cards))))}")
    if len(set(map(int, numbers))) < len(numbers):
        raise ParamsError(f"--gpus {asked} names a card twice")
    return [cards[int(number)] for number in numbers]


def found(environment: Mapping[str, str] = os.environ) -> list[str]:
    """The cards as CUDA_VISIBLE_DEVICES has them, else as `nvidia-smi -L` lists them; none without that command."""
    listed = _by_nvidia_smi()
    if (visible := environment.get(VARIABLE)) is None:
        return [uuid for _, uuid in listed]
    named = []  # as CUDA does: what comes after a name that is not there is not seen
    for name in filter(None, visible.split(",")):
        if not any(name == number or uuid.startswith(name) for number, uuid in listed):
            break
        named.append(name)
    return named


def _by_nvidia_smi() -> list[tuple[str, str]]:
    """(number, UUID) of each card; none without the command, or where it fails, as it does without a driver."""
    if (command := shutil.which("nvidia-smi")) is None:
        return []
    try:
        said = subprocess.run([command, "-L"], capture_output=True, text=True, timeout=_SECONDS, check=True)
    except (subprocess.SubprocessError, OSError):
        return []
    return _LISTED.findall(said.stdout)
