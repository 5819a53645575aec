"""Cards: which are there, which are asked for, and that no card has more stages than may share it."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
import yaml

from thb.cli import cards
from thb.cli.cards import VARIABLE, Cards, chosen, found
from thb.core.errors import ParamsError

LISTED = """\
GPU 0: NVIDIA H200 (UUID: GPU-aaaa1111-0000-0000-0000-000000000000)
  MIG 1g.18gb     Device  0: (UUID: MIG-cccc3333-0000-0000-0000-000000000000)
GPU 1: NVIDIA H200 (UUID: GPU-bbbb2222-0000-0000-0000-000000000000)
"""
FIRST, SECOND = (f"GPU-{part}-0000-0000-0000-000000000000" for part in ("aaaa1111", "bbbb2222"))


@pytest.fixture
def smi(tmp_path, monkeypatch):
    """A stand-in for nvidia-smi; returns a function that says what it prints, and its exit code."""

    def says(text: str, code: int = 0) -> None:
        file = tmp_path / "nvidia-smi"
        file.write_text(f"#!/bin/sh\ntest \"$1\" = -L || exit 9\ncat <<'END'\n{text}END\nexit {code}\n")
        file.chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return says


def test_cards_are_those_that_are_listed(smi):
    smi(LISTED)
    assert found({}) == [FIRST, SECOND]


@pytest.mark.parametrize(
    ("visible", "seen"),
    [
        ("1", ["1"]),
        ("1,0", ["1", "0"]),
        (SECOND, [SECOND]),
        ("GPU-bbbb", ["GPU-bbbb"]),
        ("", []),
        ("-1", []),
        ("0,7,1", ["0"]),
    ],
)
def test_what_the_environment_hides_is_not_there(smi, visible, seen):
    smi(LISTED)
    assert found({VARIABLE: visible}) == seen


def test_without_a_driver_there_is_no_card(smi, tmp_path, monkeypatch):
    smi(LISTED, code=9)
    assert found({}) == []
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert found({}) == []


@pytest.mark.parametrize(
    ("asked", "given"),
    [("all", ["a", "b", "c"]), ("2", ["a", "b"]), ("3", ["a", "b", "c"]), ("0,2", ["a", "c"]), ("2,", ["c"])],
)
def test_cards_are_chosen_by_count_or_by_number(asked, given):
    assert chosen(asked, ["a", "b", "c"]) == given


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ("4", "3 are there"),
        ("0", "neither all, nor a count"),
        ("-1", "neither all"),
        ("", "neither all"),
        ("none", "neither all"),
        ("0,3", "no card 3; known: 0, 1, 2"),
        ("1,1", "names a card twice"),
        ("1,x", "neither all"),
    ],
)
def test_other_words_are_refused(asked, says):
    with pytest.raises(ParamsError, match=says):
        chosen(asked, ["a", "b", "c"])


def test_on_a_machine_without_cards_nothing_changes():
    assert chosen("all", []) == []
    with Cards([]).lent_to("train@tall") as more:
        assert more == {}


def test_only_stages_of_networks_take_a_card():
    pool = Cards(["a"])
    with pool.lent_to("train@tall") as one, pool.lent_to("exhibit@table5") as none:
        assert (one, none) == ({VARIABLE: "a"}, {})


@pytest.mark.parametrize("per_card", [1, 2])
def test_no_card_has_more_stages_than_may_share_it(per_card):
    pool, running, most, guard = Cards(["a", "b"], per_card), {"a": 0, "b": 0}, {"a": 0, "b": 0}, threading.Lock()

    def work() -> None:
        with pool.lent_to("score@tall") as more:
            card = more[VARIABLE]
            with guard:
                running[card] += 1
                most[card] = max(most[card], running[card])
            time.sleep(0.02)
            with guard:
                running[card] -= 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == {"a": per_card, "b": per_card}


def test_a_card_comes_back_from_a_stage_that_failed():
    pool = Cards(["a"])
    with pytest.raises(ValueError, match="lost"), pool.lent_to("train@tall"):
        raise ValueError("lost")
    with pool.lent_to("train@tall") as more:
        assert more == {VARIABLE: "a"}


def test_every_stage_on_a_card_is_one_of_dvcs(repo: Path):
    stages = yaml.safe_load((repo / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    assert set(cards.ON_A_CARD) <= set(stages)
    commands = {name: str(stage.get("do", stage)["cmd"]) for name, stage in stages.items()}
    networks = {
        name
        for name, cmd in commands.items()
        if any(f"thb {s} " in cmd for s in ("train", "score", "choice", "reencode-score", "explain"))
    }
    assert set(cards.ON_A_CARD) == networks
