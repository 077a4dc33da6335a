"""What it takes to live with MediaPipe: its models, its point format, its noise. Used through `landmarks`."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from .errors import BadInput

POINTS = 478  # 468 of the mesh, then 5 of each iris


def face_mesh(max_faces: int, tracking: bool) -> Any:
    """Make MediaPipe's face mesh with irises, its models taken from the wheel."""
    from mediapipe.python.solutions.face_mesh import FaceMesh

    return FaceMesh(static_image_mode=not tracking, max_num_faces=max_faces, refine_landmarks=True)


def check_frame(frame: np.ndarray) -> None:
    """Refuse what is no RGB frame, before MediaPipe does with a puzzling message."""
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8 or 0 in frame.shape:
        raise BadInput(
            f"a frame is {frame.dtype} of shape {frame.shape}, not uint8 of shape (H, W, 3): "
            "convert it with clips.as_rgb8"
        )


# One point as protobuf writes it: 0x0a, 15, then x, y and z, each a tag and 4 bytes.
_WIRE = np.dtype(
    [("head", "V2"), ("tx", "u1"), ("x", "<f4"), ("ty", "u1"), ("y", "<f4"), ("tz", "u1"), ("z", "<f4")]
)
_HEAD = bytes([0x0A, 15])


def coordinates(face: Any) -> np.ndarray:
    """Return the points of one face, `(478, 3) float32`, from protobuf or from a list of points."""
    if hasattr(face, "SerializeToString"):  # reading the bytes is ten times faster than asking each point
        data = face.SerializeToString()
        if len(data) == POINTS * _WIRE.itemsize:
            rows = np.frombuffer(data, _WIRE)
            plain = (rows["tx"] == 0x0D) & (rows["ty"] == 0x15) & (rows["tz"] == 0x1D)
            if plain.all() and bytes(rows["head"][0]) == _HEAD:
                return np.stack([rows["x"], rows["y"], rows["z"]], axis=1)  # 3 x (478,) -> (478, 3)
        face = face.landmark
    flat = np.fromiter((v for p in face for v in (p.x, p.y, p.z)), np.float32, POINTS * 3)
    return flat.reshape(POINTS, 3)  # (1434,) -> (478, 3)


def in_pixels(faces: Sequence[Any], frame: np.ndarray, max_faces: int) -> np.ndarray:
    """Turn MediaPipe's relative points into `(max_faces, 478, 3) float32` pixels."""
    height, width = frame.shape[:2]
    points = np.full((max_faces, POINTS, 3), np.nan, np.float32)
    for i, face in enumerate(faces[:max_faces]):
        points[i] = coordinates(face)
    return points * np.array([width, height, width], np.float32)


_lock = threading.RLock()


@contextmanager
def quiet() -> Iterator[None]:
    """Silence file descriptor 2 for a moment: MediaPipe's C++ code logs past Python."""
    with _lock:
        try:
            kept = os.dup(2)
        except OSError:  # there is no standard error
            yield
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, 2)
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="SymbolDatabase.GetPrototype", category=UserWarning)
                yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)
