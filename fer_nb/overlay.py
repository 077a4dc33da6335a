"""Write videos: plain frames, or frames with what was read from them drawn on top."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from .cache import replacing
from .clips import Clip, read_clip
from .errors import BadInput
from .labels import LABELS

VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv")
SHORTEST_SIDE = 360  # smaller frames are enlarged, so that the words can be read
_INK, _PAPER, _FACE, _BAR = (255, 255, 255), (20, 20, 20), (90, 220, 255), (230, 160, 0)  # RGB
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def check_name(path: str | Path) -> Path:
    """Return the path of a video that can be written.

    Raises
    ------
    BadInput
        If its ending is none of mp4, mov and mkv.

    Examples
    --------
    >>> check_name("out.mp4").suffix
    '.mp4'
    """
    path = Path(path)
    if path.suffix.lower() not in VIDEO_SUFFIXES:
        raise BadInput(f"{path}: cannot write this kind of video: end the name in .mp4")
    return path


def write_video(path: str | Path, frames: Iterable[np.ndarray], *, fps: float) -> Path:
    """Write frames as a video that browsers play, whole or not at all.

    Parameters
    ----------
    path : str or Path
        Ends in mp4, mov or mkv.
    frames : iterable of ndarray (H, W, 3) uint8
        RGB, all of one size; at least one. Odd heights and widths lose their last row or column.
    fps : float
        Frames per second.

    Returns
    -------
    Path
        The file, H.264 where PyAV has the encoder, else MPEG-4.

    Raises
    ------
    BadInput
        If the ending is another one or there are no frames.
    CacheError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "gray.mp4"
    >>> write_video(path, np.full((3, 32, 32, 3), 128, np.uint8), fps=10).name
    'gray.mp4'
    """
    import av

    path = check_name(path)
    with replacing(path) as temporary, av.open(str(temporary), "w") as container:
        stream: Any = None
        for frame in frames:
            height, width = (max(2, side - side % 2) for side in frame.shape[:2])
            if stream is None:
                codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
                stream = container.add_stream(codec, rate=Fraction(fps).limit_denominator(1001))
                stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            even = np.ascontiguousarray(frame[:height, :width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(even, format="rgb24")))
        if stream is None:
            raise BadInput(f"{path}: there are no frames to write: give at least one")
        container.mux(stream.encode())
    return path


def check_apart(source: str | Path, out: str | Path) -> None:
    """Refuse to write over what is read.

    Examples
    --------
    >>> check_apart("mine.mp4", "./mine.mp4")
    Traceback (most recent call last):
        ...
    fer_nb.errors.BadInput: mine.mp4: would be overwritten: give another name for the result
    """
    if str(source) and Path(source).resolve() == Path(out).resolve():
        raise BadInput(f"{source}: would be overwritten: give another name for the result")


def save_overlay(path: str | Path, prediction: Any, *, clip: Clip | None = None) -> Path:
    """Write a clip again with the face, the label of the moment and its probabilities drawn on it.

    Parameters
    ----------
    path : str or Path
        Ends in mp4, mov or mkv.
    prediction : Prediction
        What was read from the clip.
    clip : Clip or None
        The clip; None reads `prediction.source` again.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    BadInput, CacheError
        If the clip cannot be read again, is the file that is to be written, or that cannot be written.
    """
    check_apart(clip.source if clip else prediction.source, path)
    clip = clip or read_clip(prediction.source, fps=prediction.fps)
    return write_video(path, _drawn(clip, prediction), fps=clip.fps)


def _drawn(clip: Clip, prediction: Any) -> Iterator[np.ndarray]:
    """Yield each frame with the answer drawn on it."""
    points = prediction.sequence.points  # (T, 478, 3)
    for t, frame in enumerate(clip.iter_frames()):
        scale = max(1, -(-SHORTEST_SIDE // min(frame.shape[:2])))  # rounded up
        size = (frame.shape[1] * scale, frame.shape[0] * scale)
        canvas = cv2.resize(frame, size, interpolation=cv2.INTER_CUBIC) if scale > 1 else frame.copy()
        seen = t < len(points) and bool(np.isfinite(points[t]).all())
        if seen:
            draw_face(canvas, points[t, :, :2] * scale)
        if canvas.shape[1] < 1.4 * canvas.shape[0]:  # beside the face is no room: the panel goes below
            below = (len(LABELS) + 2) * _line(canvas)
            canvas = cv2.copyMakeBorder(canvas, 0, below, 0, 0, cv2.BORDER_CONSTANT, value=_PAPER)
        label, probabilities = answer_at(prediction, t / clip.fps) if seen else (None, None)
        draw_answer(canvas, label, probabilities)
        yield canvas


def _line(canvas: np.ndarray) -> int:
    """Return the height of a line of text, in pixels."""
    return max(11, min(canvas.shape[0], canvas.shape[1]) // 26)


def answer_at(prediction: Any, second: float) -> tuple[str | None, dict[str, float] | None]:
    """Return label and probabilities at a moment: of its stretch, refined by the course where there is one.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> part = {"start": 0.0, "end": 1.0, "label": "fear", "probabilities": None}
    >>> answer_at(SimpleNamespace(timeline=[part]), 0.5)
    ('fear', None)
    """
    part = next((p for p in prediction.timeline if p["start"] <= second < p["end"]), None)
    if part is None:
        return None, None
    ticks, course = getattr(prediction, "ticks", ()), getattr(prediction, "course", ())
    if len(ticks):
        near = course[int(np.abs(np.asarray(ticks) - second).argmin())]  # (7,)
        if np.isfinite(near).all():
            return part["label"], dict(zip(LABELS, map(float, near), strict=True))
    return part["label"], part["probabilities"]


def draw_face(canvas: np.ndarray, points: np.ndarray) -> None:
    """Draw a box and the landmarks `(478, 2)` px on a frame, in place."""
    low, high = np.floor(points.min(0)).astype(int), np.ceil(points.max(0)).astype(int)
    cv2.rectangle(canvas, tuple(map(int, low)), tuple(map(int, high)), _FACE, 1, cv2.LINE_AA)
    x, y = np.rint(points).astype(int).T  # (478,) each
    inside = (x >= 0) & (x < canvas.shape[1]) & (y >= 0) & (y < canvas.shape[0])
    canvas[y[inside], x[inside]] = _FACE


def draw_answer(canvas: np.ndarray, label: str | None, probabilities: dict[str, float] | None) -> None:
    """Draw the label and a bar for each probability into the lower left corner, in place."""
    unit = _line(canvas)
    rows = len(LABELS) if probabilities else 0
    width, height = min(16 * unit, canvas.shape[1]), (rows + 2) * unit
    top, size = canvas.shape[0] - height, unit / 28
    panel = canvas[top:, :width]
    panel[:] = (0.35 * panel + 0.65 * np.array(_PAPER)).astype(np.uint8)

    def write(text: str, y: float, scale: float, thick: int) -> None:
        cv2.putText(canvas, text, (unit // 2, int(y)), _FONT, scale, _INK, thick, cv2.LINE_AA)

    write(label or "no face", top + 1.3 * unit, 1.3 * size, 1 + unit // 18)
    left, full = int(6.5 * unit), max(1, width - 7 * unit)
    for i, name in enumerate(LABELS[:rows]):
        y = top + (i + 2) * unit
        high, low = y + unit // 6, y + int(0.8 * unit)
        write(name, y + 0.7 * unit, size, 1)
        cv2.rectangle(canvas, (left, high), (left + full, low), (90, 90, 90), 1)
        share = (probabilities or {})[name]
        if share > 0.005:
            cv2.rectangle(canvas, (left, high), (left + int(full * share), low), _BAR, -1)
