"""The list of bad input, item by item: one line that names the file and the remedy, or simply handled.

Files that cannot be read as video stand in test_clips.py and, at the command line, in test_cli.py; here are
the rest: landmarks, labels, the cache under stress, and weights of another data version.
"""

from __future__ import annotations

import errno
import json
import os
import pickle
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fer_nb import cache, mime
from fer_nb.clips import Clip, read_clip
from fer_nb.errors import BadInput, CacheError, DataVersionWarning, NoFace
from fer_nb.labels import LABELS
from fer_nb.mime import blocks
from tests.toys import Toys

ROOT = Path(__file__).resolve().parents[1]


def one_line(error: BaseException | Warning, *words: str) -> None:
    text = str(error)
    assert text and "\n" not in text, text
    for word in words:
        assert word in text, text


# ---- NaN landmarks, unknown labels ----


def test_landmarks_that_are_all_nan_are_no_face() -> None:
    from fer_nb.preprocess import sequence_from_points

    with pytest.raises(NoFace) as caught:
        sequence_from_points(
            np.full((4, 478, 3), np.nan), np.zeros((4, 64, 64), np.uint8), fps=10, source="gone.mp4"
        )
    one_line(caught.value, "gone.mp4", "4 frames")


def test_some_nan_landmarks_are_counted_and_bridged() -> None:
    from fer_nb.preprocess import sequence_from_points, window_features

    truth = mime.clip("fit", 0, 0, "happiness").landmarks
    assert truth is not None
    points = truth.copy()
    points[3], points[5, 17, 0] = np.nan, np.nan
    sequence = sequence_from_points(points, np.zeros((len(points), 64, 64), np.uint8), fps=10)
    assert len(sequence) == len(points) and not sequence.found[[3, 5]].any()
    assert sequence.found.sum() == len(points) - 2
    assert np.isfinite(window_features(sequence.motion, sequence.found)).all()


def test_unknown_labels_blocks_people_and_units() -> None:
    for wrong, word in (
        (lambda: Clip(np.zeros((1, 4, 4, 3), np.uint8), 25, label="joy"), "'joy'"),
        (lambda: mime.clip("fit", 0, 0, "joy"), "'joy'"),
        (lambda: mime.clip("nobody", 0, 0, "fear"), "'nobody'"),
        (lambda: mime.clip("fit", 9999, 0, "fear"), "9999"),
        (lambda: mime.block("fit", people=0), "not 0"),
        (lambda: mime.block("fit", people=401), "not 401"),
        (lambda: mime.face(0, {"AU99": 1.0}), "'AU99'"),
    ):
        with pytest.raises(BadInput) as caught:
            wrong()
        one_line(caught.value, word)


# ---- the cache of faces under stress; people are made of two frames here ----


@pytest.fixture
def quick(cache_folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Make people in no time, in this process; returns what was made."""
    made: list[str] = []
    film = blocks.film

    def short(model: Any, course: Any, rng: Any) -> Any:
        made.append("clip")
        first = {name: getattr(course, name)[:2] for name in ("left", "right", "pose", "gaze")}
        packed, truth = film(model, blocks.Course(**{**vars(course), **first}), rng)
        count = len(course.left)
        return packed * (count // 2) + packed[: count % 2], np.resize(truth, (count, 478, 3))

    monkeypatch.setattr(blocks, "film", short)
    monkeypatch.setattr(blocks, "GROUP", 1)
    return made


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_what_is_cached_is_not_made_again(quick: list[str], cache_folder: Path) -> None:
    first = mime.block("fit", people=1, progress=False)
    again = mime.block("fit", people=1, progress=False)
    assert len(quick) == len(LABELS) and len(files(cache_folder)) == 1
    for a, b in zip(first, again, strict=True):
        assert np.array_equal(np.asarray(a.frames), np.asarray(b.frames)) and a.source == b.source


def test_a_cache_file_cut_short_is_made_again(quick: list[str], cache_folder: Path) -> None:
    first = mime.block("fit", people=1, progress=False)
    (path,) = files(cache_folder)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.warns(UserWarning, match="damaged") as caught:
        again = mime.block("fit", people=1, progress=False)
    one_line(caught[0].message, path.name, "made again")  # type: ignore[arg-type]
    assert len(quick) == 2 * len(LABELS)
    assert np.array_equal(np.asarray(first[4].frames), np.asarray(again[4].frames))


def test_an_unwritable_cache_folder(
    quick: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the place of the folder")
    monkeypatch.setenv("FER_NB_CACHE", str(tmp_path / "file"))
    with pytest.raises(CacheError) as caught:
        mime.block("fit", people=1, progress=False)
    one_line(caught.value, "people-0000.npz", "FER_NB_CACHE")
    assert (tmp_path / "file").read_text() == "in the place of the folder"


def test_a_cache_folder_without_permission(
    quick: list[str], cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(cache.tempfile, "mkstemp", refuse)
    with pytest.raises(CacheError) as caught:
        mime.block("fit", people=1, progress=False)
    one_line(caught.value, "Permission denied", "FER_NB_CACHE")
    assert files(cache_folder) == []


def test_a_disk_that_fills(quick: list[str], cache_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    savez, calls = np.savez, []

    def full(stream: Any, **arrays: Any) -> None:
        calls.append(1)
        if len(calls) > 1:
            stream.write(b"half a file")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        savez(stream, **arrays)

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", full)
        with pytest.raises(CacheError) as caught:
            mime.block("fit", people=2, workers=1, progress=False)
    one_line(caught.value, "people-0001.npz", "No space left", "FER_NB_CACHE")
    assert [path.name for path in files(cache_folder)] == ["people-0000.npz"], "what was whole stays"
    assert len(mime.block("fit", people=2, workers=1, progress=False)) == 14
    assert len(quick) == 3 * len(LABELS), "only the second person was made again"


def test_interrupt_in_the_middle_of_generation(
    quick: list[str], cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    perform = blocks.perform

    def impatient(*arguments: Any) -> Clip:
        if len(quick) == 10:
            raise KeyboardInterrupt
        return perform(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(blocks, "perform", impatient)
        with pytest.raises(KeyboardInterrupt):
            mime.block("fit", people=2, workers=1, progress=False)
    assert [path.name for path in files(cache_folder)] == ["people-0000.npz"]
    assert len(mime.block("fit", people=2, workers=1, progress=False)) == 14


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals to a process group are another thing there")
def test_interrupt_at_the_command_line(cache_folder: Path) -> None:
    command = [sys.executable, "-m", "fer_nb.cli", "data", "make", "mime", "--block", "fit", "--people", "40"]
    work = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 12
    while not list(cache_folder.rglob("*")) and time.monotonic() < deadline and work.poll() is None:
        time.sleep(0.1)  # until the first file, or in the middle of making it on a slow machine
    os.killpg(work.pid, signal.SIGINT)
    began = time.monotonic()
    out, err = work.communicate(timeout=120)
    assert time.monotonic() - began < 15, "it stops at once"
    assert work.returncode == 130, err
    assert out == "" and "Traceback" not in err and err.splitlines()[-1] == "interrupted"
    for path in files(cache_folder):
        assert path.name.startswith("people-") and cache.load_arrays(path) is not None


# ---- errors between processes ----


@pytest.mark.parametrize("error", [BadInput("a: b"), NoFace("a: b"), CacheError("a: b")])
def test_errors_travel_between_processes(error: Exception) -> None:
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error) and str(back) == "a: b"


# ---- weights ----


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A toy branch saved as weights of data version mime-v0."""
    from torch import nn

    from fer_nb import checkpoints

    about = {"class": "Linear", "arguments": {"in_features": 2, "out_features": 7}}
    card = checkpoints.Card(
        name="toy", architecture=about, input={"shape": [2]}, normalization="none",
        data_version="mime-v0", seed=0, code="0",
    )  # fmt: skip
    return checkpoints.save(nn.Linear(2, 7), card, tmp_path / "toy.safetensors")


def test_weights_of_another_data_version_warn(weights: Path) -> None:
    from torch import nn

    from fer_nb import checkpoints

    with pytest.warns(DataVersionWarning) as caught:
        checkpoints.load(weights, nn.Linear, data_version="mime-v2")
    one_line(caught[0].message, "toy", "mime-v0", "mime-v2", "python -m")  # type: ignore[arg-type]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        checkpoints.load(weights, nn.Linear, data_version="mime-v0")


@pytest.mark.parametrize(
    "damage", ["cut weights", "no weights", "no card", "bad card", "other labels", "other class"]
)
def test_weights_that_cannot_be_used(weights: Path, damage: str) -> None:
    from torch import nn

    from fer_nb import checkpoints

    card = weights.with_suffix(".json")
    if damage == "cut weights":
        weights.write_bytes(weights.read_bytes()[:40])
    elif damage == "no weights":
        weights.unlink()
    elif damage == "no card":
        card.unlink()
    elif damage == "bad card":
        card.write_text("{")
    else:
        fields = json.loads(card.read_text())
        change: dict[str, Any] = {
            "other labels": {"labels": ["joy"]},
            "other class": {"architecture": {"class": "GRU"}},
        }
        card.write_text(json.dumps({**fields, **change[damage]}))
    with pytest.raises(BadInput) as caught:
        checkpoints.load(weights, nn.Linear)
    one_line(caught.value, "toy", "python -m")


# ---- the whole path on frames that hold little ----


needs_weights = pytest.mark.skipif(
    not (ROOT / "fer_nb" / "weights" / "temporal.safetensors").is_file(),
    reason="no shipped weights yet: python -m fer_nb.experiments.first_path makes them",
)


@needs_weights
def test_one_frame_answers_without_the_temporal_branch(tmp_path: Path) -> None:
    import cv2

    from fer_nb import predict

    cv2.imwrite(str(tmp_path / "face.png"), mime.face(0, {"AU12": 0.9}, size=200)[:, :, ::-1])
    answer = predict(tmp_path / "face.png").to_dict()
    assert answer["probabilities"]["temporal"] is None and answer["probabilities"]["spatial"] is not None
    assert answer["frames"] == answer["frames_with_face"] == 1


@needs_weights
@pytest.mark.parametrize("kind", ["gray", "rgba", "16 bit", "portrait", "tiny"])
def test_kinds_of_frames_are_answered(tmp_path: Path, kind: str) -> None:
    import cv2

    from fer_nb import predict

    for i, smile in enumerate(np.linspace(0, 0.9, 8)):
        image = mime.face(0, {"AU12": float(smile), "AU6": float(smile)}, size=48 if kind == "tiny" else 200)
        if kind == "gray":
            image = image[:, :, 1]
        elif kind == "rgba":
            image = np.dstack([image, np.full(image.shape[:2], 9, np.uint8)])
        elif kind == "16 bit":
            image = image.astype(np.uint16) * 257
        elif kind == "portrait":
            image = cv2.copyMakeBorder(image, 100, 200, 0, 0, cv2.BORDER_CONSTANT)
        cv2.imwrite(str(tmp_path / f"{i}.png"), image)
    assert predict(tmp_path).frames_with_face == 8


@needs_weights
def test_no_face_is_said_in_one_line(tmp_path: Path) -> None:
    from fer_nb import predict

    with pytest.raises(NoFace) as caught:
        predict(Toys(tmp_path).video("wall.mp4"))
    one_line(caught.value, "wall.mp4")
    assert len(read_clip(tmp_path / "wall.mp4")) == 6
