"""Which of a user's files are meant, and what the strips of each are called."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from thb.detect import own_videos

END = "--tall-all.png"


def named(*files: str) -> list[str]:
    names = own_videos.strip_names([Path(file) for file in files], END)
    return [names[Path(file)] for file in files]


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["d1/web.mp4", "d2/web.mp4", "web-2.webm"], ["web", "web-3", "web-2"]),
        (["web-2.webm", "web.mp4", "d2/web.mp4"], ["web-2", "web", "web-3"]),
        (["a.mp4", "a.mov", "b/a.mp4"], ["a", "a-2", "a-3"]),
        (["A.mp4", "b/a.mp4"], ["A", "a-2"]),  # one file where letters' size is not told apart
    ],
)
def test_no_two_strips_bear_one_name(files, names):
    assert named(*files) == names


def test_long_names_are_cut_and_stay_apart():
    long, other = "n" * 245 + ".mp4", "\u6f22" * 84 + ".mp4"
    names = named(long, f"b/{long}", other, "short.mp4")
    assert len(set(names)) == 4
    assert names[3] == "short"
    for name in names:
        assert len(os.fsencode(f"{name}{END}.{2**22}.part")) <= 255


def test_names_that_differ_in_unseen_letters_only_stay_apart():
    odd, plain = "a\nb.mp4", "a\\nb.mp4"
    assert len(set(named(odd, plain))) == 2


def skipped_in(folder: Path) -> tuple[list[str], list[str]]:
    said: list[str] = []
    files = own_videos.listed([folder], lambda path, why: said.append(f"{path.name}: {why}"))
    return [file.name for file in files], said


def test_a_folder_gives_its_videos_and_names_what_may_be_meant_too(tmp_path):
    (tmp_path / "deep").mkdir()
    for name in ("b.mp4", "a.MOV", "deep/c.webm", ".hidden.mp4", "one.gif", "notes.txt"):
        (tmp_path / name).touch()
    files, said = skipped_in(tmp_path)
    assert files == ["a.MOV", "b.mp4", "c.webm"]
    (line,) = said
    assert "passed over below it, as pictures, animations or videos of rarer kinds: 1 (one.gif); one that" in line


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    closed = tmp_path / "closed"
    closed.mkdir()
    (tmp_path / "a.mp4").touch()
    honest = os.scandir

    def scandir(path):
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return honest(path)

    monkeypatch.setattr(os, "scandir", scandir)
    files, said = skipped_in(tmp_path)
    assert files == ["a.mp4"]
    assert said == ["closed: a folder that cannot be read: permission denied"]


def test_a_file_is_taken_once(tmp_path):
    file = tmp_path / "a.mp4"
    file.touch()
    assert own_videos.listed([file, tmp_path, file], print) == [file]
