"""The one data type that travels: a `Clip`, from any video, folder of frames, image or array.

`read_clip` opens and checks a file without decoding all of it. Frames then come one by one
(`Clip.iter_frames`, bounded memory) or all at once (`Clip.frames`, decoded on first use and kept).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from . import labels
from ._media import IMAGE_SUFFIXES, Frames, ImageFrames, VideoFrames, as_rgb8, natural_order
from .errors import BadInput

__all__ = ["Clip", "as_rgb8", "clip_from_frames", "read_clip"]

FOLDER_FPS = 25.0  # of a folder of frames, unless told


@dataclass(frozen=True, eq=False)
class Clip:
    """Frames of one face in time, with what is known about them.

    Attributes
    ----------
    frames : ndarray (T, H, W, 3) uint8, or a sequence of (H, W, 3) uint8
        RGB. Lazy where it comes from a file: decoded on first index, then kept in memory.
    fps : float
        Frames per second; frame `t` is shown at `t / fps` seconds. For a video with a variable frame rate
        this is the average.
    landmarks : ndarray (T, 478, 3) float32 or None
        MediaPipe's topology, in pixels; a row of NaN where there is no face. For Mime: the truth.
    label : str or None
        One of `labels.LABELS`.
    subject : str or None
        Who it is, for fair splits.
    source : str
        Where it comes from: a file name, or the recipe of a synthetic clip.
    licence : str or None
        Licence tag of the source.
    units : ndarray (T, U) float32 or None
        True intensities of action units in 0 to 1 (Mime only).
    conditions : mapping or None
        True conditions of the making: person, session, light, camera (Mime only).

    Raises
    ------
    BadInput
        If fields do not fit together.

    Examples
    --------
    >>> clip = Clip(np.zeros((10, 4, 6, 3), np.uint8), 25.0, label="neutral")
    >>> len(clip), clip.seconds, clip.size
    (10, 0.4, (4, 6))
    """

    frames: np.ndarray | Sequence[np.ndarray]
    fps: float
    landmarks: np.ndarray | None = field(default=None, kw_only=True)
    label: str | None = field(default=None, kw_only=True)
    subject: str | None = field(default=None, kw_only=True)
    source: str = field(default="", kw_only=True)
    licence: str | None = field(default=None, kw_only=True)
    units: np.ndarray | None = field(default=None, kw_only=True)
    conditions: Mapping[str, Any] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        name = self.source or "clip"
        _check_fps(self.fps, name)
        if self.label is not None:
            labels.index(self.label)
        if isinstance(self.frames, np.ndarray):
            shape, kind = self.frames.shape, self.frames.dtype
            if self.frames.ndim != 4 or shape[-1] != 3 or kind != np.uint8:
                raise BadInput(
                    f"{name}: frames are {kind} of shape {shape}, not uint8 of shape (T, H, W, 3): "
                    "pass them through clip_from_frames"
                )
            if 0 in shape:
                raise BadInput(f"{name}: frames of shape {shape} are empty: give at least one frame")
            for what, rows in (("landmarks", self.landmarks), ("units", self.units)):
                if rows is not None and len(rows) != len(self.frames):
                    raise BadInput(
                        f"{name}: {len(self.frames)} frames but {len(rows)} rows of {what}: give one row each"
                    )
        if self.landmarks is not None and self.landmarks.shape[1:] != (478, 3):
            raise BadInput(
                f"{name}: landmarks have shape {self.landmarks.shape}, not (T, 478, 3): use landmarks.detect"
            )

    def __len__(self) -> int:
        """Return the number of frames; a video that was never read through is read through once."""
        return len(self.frames)

    @property
    def seconds(self) -> float:
        """Duration in seconds: the number of frames over the frame rate."""
        return len(self) / self.fps

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        if isinstance(self.frames, np.ndarray):
            return self.frames.shape[1], self.frames.shape[2]
        if isinstance(self.frames, Frames):
            return self.frames.size
        height, width = self.frames[0].shape[:2]
        return height, width

    def iter_frames(self) -> Iterator[np.ndarray]:
        """Yield each frame `(H, W, 3) uint8` in turn; memory does not grow with the length of a file."""
        return iter(self.frames)


def clip_from_frames(frames: Iterable[np.ndarray], *, fps: float = FOLDER_FPS, **fields: Any) -> Clip:
    """Make a clip from arrays of any usual kind: grey, RGB or RGBA, 8 or 16 bits, or floats in 0 to 1.

    Parameters
    ----------
    frames : iterable of ndarray
        All of one size.
    fps : float
        Frames per second.
    **fields
        Further fields of `Clip`.

    Returns
    -------
    Clip
        With frames `(T, H, W, 3) uint8` in memory.

    Raises
    ------
    BadInput
        If there are no frames, or they differ in size or are no images.

    Examples
    --------
    >>> clip_from_frames(np.full((2, 4, 4), 65535, np.uint16)).frames[0, 0, 0]
    array([255, 255, 255], dtype=uint8)
    """
    name = str(fields.get("source") or "clip")
    converted = [as_rgb8(frame, name=f"{name}, frame {t}") for t, frame in enumerate(frames)]
    if not converted:
        raise BadInput(f"{name}: there are no frames: give at least one")
    sizes = {frame.shape for frame in converted}
    if len(sizes) > 1:
        raise BadInput(f"{name}: frames differ in size ({sorted(sizes)}): resize them to one size")
    return Clip(np.stack(converted), fps, **fields)


def read_clip(path: str | Path, *, fps: float | None = None) -> Clip:
    """Open a video, an image, or a folder of frames as a `Clip`.

    Videos are read by PyAV (mp4, mov, mkv, avi, webm, flv, gif and more), turned upright where the file says
    so. In a folder, images (png, jpg, bmp, tif, webp) are taken in natural order of their names: frame2 comes
    before frame10. The file is opened and its first frame decoded here; the rest is decoded when asked for.
    A video that breaks off gives the frames that can be read, with a warning.

    Parameters
    ----------
    path : str or Path
        File or folder.
    fps : float or None
        Frames per second. None: what the video says (the average, if variable), or 25 for images.

    Returns
    -------
    Clip
        `source` is the path as given; label and subject are unknown.

    Raises
    ------
    BadInput
        If there is nothing to read, in one line that names the file, what is wrong and what to do.

    Examples
    --------
    >>> read_clip("missing.mp4")
    Traceback (most recent call last):
        ...
    fer_nb.errors.BadInput: missing.mp4: no such file or folder: check the path
    """
    path = _path_of(path)
    if fps is not None:
        _check_fps(fps, str(path))
    try:
        found = path.exists()
    except OSError as error:  # such as a name that is too long
        raise BadInput(f"{path}: cannot be looked up ({error.strerror}): check the path") from None
    if not found:
        raise BadInput(f"{path}: no such file or folder: check the path")
    if path.is_dir():
        return Clip(ImageFrames(_images_in(path), folder=path), fps or FOLDER_FPS, source=str(path))
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return Clip(ImageFrames([path]), fps or FOLDER_FPS, source=str(path))
    video = VideoFrames(path)
    return Clip(video, fps or video.fps, source=str(path))


def _path_of(path: str | Path) -> Path:
    """Return a path, if it is one; an empty one would mean the current folder."""
    if not isinstance(path, str | os.PathLike):
        raise BadInput(f"a clip is wanted, not a {type(path).__name__}: give a path, or a Clip of frames")
    if not str(path).strip():
        raise BadInput("the path of the clip is empty: give a file or a folder")
    return Path(path)


def _images_in(folder: Path) -> list[Path]:
    """Return the images of a folder in natural order, hidden files left out."""
    found = [p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and not p.name.startswith(".")]
    if not found:
        kinds = ", ".join(sorted(suffix[1:] for suffix in IMAGE_SUFFIXES))
        raise BadInput(f"{folder}: no images in this folder: put frames ({kinds}) directly into it")
    return sorted(found, key=lambda p: natural_order(p.name))


def _check_fps(fps: float, name: str) -> None:
    """Refuse a frame rate that is no positive number."""
    if not (isinstance(fps, int | float | np.number) and np.isfinite(fps) and fps > 0):
        raise BadInput(f"{name}: {fps} frames per second: give a positive number as fps")
