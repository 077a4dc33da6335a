"""Videos that are written: playable, whole or absent, with the answer of the moment on each frame."""

from __future__ import annotations

import errno
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fer_nb import cache
from fer_nb.clips import clip_from_frames, read_clip
from fer_nb.errors import BadInput, CacheError
from fer_nb.labels import LABELS
from fer_nb.overlay import answer_at, draw_answer, draw_face, save_overlay, write_video
from tests.toys import Toys

EVEN = dict.fromkeys(LABELS, 1 / 7)


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv"])
def test_what_is_written_is_read_back(tmp_path: Path, name: str) -> None:
    frames = Toys.frames(8)
    write_video(tmp_path / name, frames, fps=12.5)
    clip = read_clip(tmp_path / name)
    assert len(clip) == 8 and clip.fps == pytest.approx(12.5, rel=0.01) and clip.size == (48, 64)
    assert np.abs(np.asarray(clip.frames)[:, 30:, 30:].mean((1, 2, 3)) - frames[:, 40, 50, 0]).max() < 6


def test_odd_sizes_lose_a_row(tmp_path: Path) -> None:
    assert read_clip(write_video(tmp_path / "a.mp4", np.zeros((2, 33, 47, 3), np.uint8), fps=9)).size == (
        32,
        46,
    )


def test_the_original_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "mine.mp4"
    path.write_bytes(b"the only copy")
    with pytest.raises(BadInput, match=r"mine\.mp4: would be overwritten"):
        save_overlay(path, SimpleNamespace(source=str(path), fps=9.0))
    with pytest.raises(BadInput, match="path of the clip is empty"):
        save_overlay(tmp_path / "out.mp4", SimpleNamespace(source="", fps=9.0))
    assert path.read_bytes() == b"the only copy"


def test_other_endings_and_no_frames(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"a\.gif: cannot write .* \.mp4"):
        write_video(tmp_path / "a.gif", Toys.frames(1), fps=9)
    with pytest.raises(BadInput, match=r"a\.mp4: there are no frames"):
        write_video(tmp_path / "a.mp4", [], fps=9)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), BadInput("broken"), OSError(errno.ENOSPC, "No space")]
)
def test_nothing_half_written_stays(tmp_path: Path, error: BaseException) -> None:
    def frames() -> Any:
        yield from Toys.frames(3)
        raise error

    (tmp_path / "a.mp4").write_bytes(b"old")
    expected = CacheError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected):
        write_video(tmp_path / "a.mp4", frames(), fps=9)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.mp4", b"old")]


def test_disk_full_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cache.os, "fsync", full)
    with pytest.raises(CacheError, match=r"a\.mp4: cannot be written \(No space left on device\)"):
        write_video(tmp_path / "a.mp4", Toys.frames(2), fps=9)
    assert list(tmp_path.iterdir()) == []


def _prediction(**more: Any) -> Any:
    points = np.random.default_rng(0).uniform(10, 40, (4, 478, 3)).astype(np.float32)
    points[2] = np.nan
    parts = [
        {"start": 0.0, "end": 0.2, "label": "neutral", "probabilities": EVEN},
        {"start": 0.2, "end": 0.4, "label": None, "probabilities": None},
    ]
    fields = {"timeline": parts, "fps": 10.0, "sequence": SimpleNamespace(points=points)}
    return SimpleNamespace(**{**fields, **more})


def test_answer_of_the_moment() -> None:
    assert answer_at(_prediction(), 0.1) == ("neutral", EVEN)
    assert answer_at(_prediction(), 0.3) == (None, None)
    assert answer_at(_prediction(), 9.0) == (None, None)
    course = np.full((2, 7), np.nan)
    course[0] = np.eye(7)[4]
    finer = _prediction(ticks=np.array([0.0, 0.19]), course=course)
    label, probabilities = answer_at(finer, 0.05)
    assert label == "neutral" and probabilities is not None and probabilities["happiness"] == 1.0
    assert answer_at(finer, 0.18) == ("neutral", EVEN), "no face at the nearest tick: the stretch's own"


def test_small_and_wide_frames_get_their_panel(tmp_path: Path) -> None:
    square = clip_from_frames(Toys.frames(4, height=64, width=64), fps=10)
    wide = clip_from_frames(Toys.frames(4, height=64, width=128), fps=10)
    tall = read_clip(save_overlay(tmp_path / "s.mp4", _prediction(), clip=square))
    flat = read_clip(save_overlay(tmp_path / "w.mp4", _prediction(), clip=wide))
    assert tall.size[0] > tall.size[1] >= 360, "the panel goes below"
    assert flat.size == (384, 768), "the panel lies in the corner"
    seen, unseen = (flat.frames[t][: 384 // 2, : 768 // 2].astype(int) for t in (1, 2))
    assert np.abs(seen - unseen).max() > 60, "the face is drawn where it was found"


def test_draw_answer_on_any_canvas() -> None:
    for size in ((12, 12), (40, 300), (300, 40), (720, 1280)):
        canvas = np.zeros((*size, 3), np.uint8)
        draw_answer(canvas, "happiness", EVEN)
        draw_answer(canvas, None, None)
        assert canvas.any()


def test_points_outside_are_left_out() -> None:
    canvas = np.zeros((20, 20, 3), np.uint8)
    draw_face(canvas, np.array([[-5.0, 3.0], [50.0, 50.0], [4.0, 6.0]]))
    assert canvas[6, 4].any()
