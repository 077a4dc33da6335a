"""Lazy frames from files: videos by PyAV, images by OpenCV. Used through `clips`.

Both kinds are sequences of `(H, W, 3) uint8` RGB frames. Iterating streams and forgets; indexing decodes
all frames once and keeps them. Pickled, they are only their path, so that clips travel to other processes
at no cost.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, overload

import av
import cv2
import numpy as np
from av.stream import Disposition

from .errors import BadInput

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})

_SANE_FPS = (0.5, 240.0)  # outside, the header is not believed and time stamps are measured
_FALLBACK_FPS = 25.0
_AGAIN = "copy it again, or export it as mp4"
# FFmpeg would also draw text files, and fetch what playlists point to: only containers, only from this disk.
_CONTAINERS = (
    "mov,matroska,webm,avi,flv,gif,mpeg,mpegts,mpegvideo,m4v,h264,hevc,av1,ivf,obu,ogg,asf,mjpeg,mxf,nut,rm,"
    "yuv4mpegpipe,apng,dv,swf,wtv,mp3,wav,aac,flac"
)
_LOCAL = {"protocol_whitelist": "file", "format_whitelist": _CONTAINERS}


def natural_order(name: str) -> list[tuple[int, int, str]]:
    """Return a sort key under which numbers count as numbers.

    Examples
    --------
    >>> sorted(["f10.png", "f2.png", "F1.png"], key=natural_order)
    ['F1.png', 'f2.png', 'f10.png']
    """
    parts = re.split(r"(\d+)", name.lower())
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts if p] + [(2, 0, name)]


def as_rgb8(image: np.ndarray, *, name: str = "image") -> np.ndarray:
    """Convert an image of any usual kind to `(H, W, 3) uint8` RGB.

    Parameters
    ----------
    image : ndarray (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)
        Grey, RGB or RGBA (alpha is dropped); uint8, uint16 (full scale 65535), bool, or float in 0 to 1.
    name : str
        What to call it in an error.

    Returns
    -------
    ndarray (H, W, 3) uint8
        Contiguous.

    Raises
    ------
    BadInput
        If the shape or type is none of these, or a float is NaN or outside 0 to 1.

    Examples
    --------
    >>> as_rgb8(np.ones((2, 2))).shape, as_rgb8(np.ones((2, 2))).max()
    ((2, 2, 3), 255)
    """
    image = np.asarray(image)
    if image.ndim == 2:
        image = image[:, :, None]  # (H, W) -> (H, W, 1)
    if image.ndim != 3 or image.shape[2] not in (1, 3, 4) or 0 in image.shape:
        raise BadInput(f"{name}: shape {image.shape} is no image: give (H, W), (H, W, 3) or (H, W, 4)")
    if image.dtype == np.uint16:
        image = (image.astype(np.uint32) + 128) // 257  # 0..65535 -> 0..255, rounded
    elif image.dtype == np.bool_:
        image = image * np.uint8(255)
    elif np.issubdtype(image.dtype, np.floating):
        if not (np.isfinite(image).all() and image.min() >= 0 and image.max() <= 1):
            raise BadInput(f"{name}: float values must lie in 0 to 1, without NaN: rescale them or use uint8")
        image = np.rint(image * 255)
    elif image.dtype != np.uint8:
        raise BadInput(f"{name}: type {image.dtype} is not understood: use uint8, uint16, or float in 0 to 1")
    image = image.astype(np.uint8)
    if image.shape[2] == 1:
        image = np.repeat(image, 3, axis=2)  # (H, W, 1) -> (H, W, 3)
    return np.ascontiguousarray(image[:, :, :3])


class Frames(Sequence[np.ndarray]):
    """A lazy sequence of frames; subclasses say how to stream them.

    Attributes
    ----------
    path : Path
        File or folder.
    size : (int, int)
        Height and width in pixels, after turning upright.
    """

    path: Path
    size: tuple[int, int]

    def __init__(self) -> None:
        self._kept: np.ndarray | None = None  # (T, H, W, 3) once decoded
        self._count: int | None = None  # known after the first full pass

    def _stream(self) -> Iterator[np.ndarray]:
        raise NotImplementedError

    def __iter__(self) -> Iterator[np.ndarray]:
        if self._kept is not None:
            yield from self._kept
            return
        count = 0
        for count, frame in enumerate(self._stream(), start=1):  # noqa: B007 - the count outlives the loop
            yield frame
        self._count = count

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if self._kept is None:
            self._kept = np.stack(list(self._stream()))  # T x (H, W, 3) -> (T, H, W, 3)
            self._kept.flags.writeable = False
            self._count = len(self._kept)
        return self._kept if dtype is None else self._kept.astype(dtype)

    def __len__(self) -> int:
        if self._count is None:
            self._count = sum(1 for _ in self._stream())
        return self._count

    @overload
    def __getitem__(self, index: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, index: slice) -> Any: ...
    def __getitem__(self, index: int | slice) -> Any:
        return self.__array__()[index]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": None}

    def __repr__(self) -> str:
        height, width = self.size
        return f"{type(self).__name__}({self.path.name!r}, {width}x{height})"


class ImageFrames(Frames):
    """Frames that are image files, in the order given.

    Parameters
    ----------
    paths : sequence of Path
        At least one; all images must have the size of the first.
    folder : Path or None
        What to call the sequence.

    Raises
    ------
    BadInput
        If an image cannot be read (the first at once, others when they are reached) or differs in size.
    """

    def __init__(self, paths: Sequence[Path], *, folder: Path | None = None) -> None:
        super().__init__()
        self.paths = list(paths)
        self.path = folder or self.paths[0]
        height, width = read_image(self.paths[0]).shape[:2]
        self.size = (height, width)
        self._count = len(self.paths)

    def _stream(self) -> Iterator[np.ndarray]:
        for path in self.paths:
            image = read_image(path)
            if image.shape[:2] != self.size:
                raise BadInput(
                    f"{path}: this frame is {image.shape[1]}x{image.shape[0]}, the first is "
                    f"{self.size[1]}x{self.size[0]}: keep frames of one size in the folder"
                )
            yield image


def read_image(path: Path) -> np.ndarray:
    """Read an image file as `(H, W, 3) uint8` RGB, turned upright by its EXIF tag.

    Raises
    ------
    BadInput
        If the file is empty or no image.
    """
    try:
        data = np.fromfile(path, np.uint8)  # cv2.imread fails on non-ASCII paths on some systems
    except OSError as error:
        raise BadInput(f"{path}: cannot be opened ({error.strerror}): check its permissions") from error
    if not data.size:
        raise BadInput(f"{path}: the file is empty (0 bytes): copy or export it again")
    level = cv2.setLogLevel(0)
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    except cv2.error:
        image = None
    finally:
        cv2.setLogLevel(level)
    if image is None:
        raise BadInput(f"{path}: not an image that can be read: save it as png or jpg")
    if np.issubdtype(image.dtype, np.floating):
        image = np.clip(np.nan_to_num(image), 0, 1)
    return as_rgb8(image[:, :, ::-1], name=str(path))  # BGR -> RGB


class VideoFrames(Frames):
    """Frames of a video file, decoded by PyAV.

    Parameters
    ----------
    path : Path
        File. It is opened, and its first frame decoded, at once.

    Attributes
    ----------
    fps : float
        Frames per second: the header's average, or measured on the time stamps where the header has none or
        an impossible one. Time stamps of single frames are not kept.

    Raises
    ------
    BadInput
        If the file is empty, no video, has no picture, or no frame of it can be decoded.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self._promised = 0
        try:
            empty = path.stat().st_size == 0
        except OSError as error:
            raise BadInput(f"{path}: cannot be opened ({error.strerror}): check its permissions") from error
        if empty:
            raise BadInput(f"{path}: the file is empty (0 bytes): copy or export it again")
        with self._open() as container:
            stream = self._picture(container)
            self._promised = stream.frames
            first = next(self._decode(container, stream), None)
            if first is None:
                raise BadInput(f"{path}: no frame can be decoded, the file is damaged or cut short: {_AGAIN}")
            self.fps = _frame_rate(container, stream)
        self.size = (first.shape[0], first.shape[1])

    def _open(self) -> Any:
        try:
            return av.open(str(self.path), metadata_errors="replace", options=_LOCAL)
        except PermissionError as error:
            raise BadInput(f"{self.path}: cannot be opened: check its permissions") from error
        except av.error.FFmpegError as error:
            raise BadInput(f"{self.path}: no video, or one cut short or damaged: {_AGAIN}") from error

    def _picture(self, container: Any) -> Any:
        """Return the picture stream that plays; cover art does not count."""
        real = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
        if not real:
            has = "sound but no picture" if container.streams.audio else "no picture"
            raise BadInput(f"{self.path}: the file has {has}: give a video that shows a face")
        best = container.streams.best("video")
        return best if best in real else real[0]

    def _stream(self) -> Iterator[np.ndarray]:
        with self._open() as container:
            stream = self._picture(container)
            stream.thread_type = "AUTO"
            yield from self._decode(container, stream)

    def _decode(self, container: Any, stream: Any) -> Iterator[np.ndarray]:
        """Yield what can be decoded; warn at the end when that is less than the file promised."""
        count = broken = 0
        size: tuple[int, int] | None = None  # width and height before turning; later frames are scaled to it
        for packet in _packets(container, stream):
            try:
                decoded = packet.decode() if packet is not None else []
            except av.error.FFmpegError:
                decoded = []
                packet = None
            broken += packet is None
            for frame in decoded:
                size = size or (frame.width, frame.height)
                array = frame.to_ndarray(format="rgb24", width=size[0], height=size[1])  # (H, W, 3)
                turns = round(frame.rotation / 90) % 4
                count += 1
                yield np.ascontiguousarray(np.rot90(array, turns)) if turns else array
        if count and (broken or count < 0.9 * self._promised):
            of = f" of {self._promised}" if self._promised else ""
            warnings.warn(
                f"{self.path}: cut short or damaged: {count}{of} frames can be read and are used",
                stacklevel=2,
            )


def _packets(container: Any, stream: Any) -> Iterator[Any]:
    """Yield the packets of a stream, and None in the place where reading breaks off."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, "end")
        except av.error.FFmpegError:
            yield None
            return
        if packet == "end":
            return
        yield packet


def _frame_rate(container: Any, stream: Any) -> float:
    """Return the average frame rate; time stamps decide where the header cannot be believed."""
    said: Fraction | None = stream.average_rate
    browser_made = "matroska" in container.format.name or "flv" in container.format.name
    if said and _SANE_FPS[0] <= said <= _SANE_FPS[1] and not browser_made:
        return float(said)
    with suppress(av.error.FFmpegError):
        container.seek(0)
    stamps = sorted(p.pts for p in _packets(container, stream) if p is not None and p.pts is not None)
    if len(stamps) > 1 and stamps[-1] > stamps[0] and stream.time_base:
        measured = (len(stamps) - 1) / float((stamps[-1] - stamps[0]) * stream.time_base)
        if said and abs(measured / float(said) - 1) < 0.02:
            return float(said)  # time stamps are rounded, the header is exact
        if _SANE_FPS[0] <= measured <= _SANE_FPS[1]:
            return measured
    return float(said) if said and said <= _SANE_FPS[1] else _FALLBACK_FPS
