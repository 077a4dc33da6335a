"""Video in, video out: the same expressions at the same moments, on a donor's face, on a plain ground.

Nothing of the original pictures is copied, sound included: hair, backdrop, clothes and voice tell who
somebody is as well as a face does. What remains is where the face is, how large, how it is tilted, and its
code. Where a frame shows no face, the released frame shows none.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from . import anonymize
from .anonymize import Models
from .clips import Clip, read_clip
from .crops import SIZE, upright
from .errors import BadInput
from .landmarks import FaceTracker
from .overlay import check_apart, check_name, write_video
from .preprocess import FaceSequence, face_sequence

LOOKS = 24  # frames of a video, at least, in which a second face is looked for
STEADY = 0.1  # seconds, spread of the smoothing of place, size and tilt
GROUND = 128  # gray of a video without any face
_FEATHER = 3.0  # pixels of a crop over which its border fades into the ground


def anonymize_video(
    video: str | Path | Clip, out: str | Path, *, donor: int | None = None, models: Models | None = None
) -> int:
    """Write a video again with another person's face; return the donor's number.

    Parameters
    ----------
    video : path of a video, an image or a folder of frames; or a Clip
    out : path, ends in mp4, mov or mkv
    donor : int, from 0; None draws one at random, another each time, so that two releases are not linked
    models : Models, the shipped ones by default

    Raises
    ------
    BadInput
        If the video cannot be read or is the file to be written, a second face is seen (see `check_alone`),
        the donor is unknown, the weights do not match their card, or the ending is another.
    NoFace
        If no frame shows a face.
    """
    check_name(out)
    check_apart(video.source if isinstance(video, Clip) else video, out)
    models = models or anonymize.load()
    donor = int(np.random.default_rng().integers(models.donors)) if donor is None else donor
    anonymize.check_donor(donor, models)
    clip = video if isinstance(video, Clip) else read_clip(video)
    check_alone(clip)
    sequence = face_sequence(clip)
    released = anonymize.release(sequence, donor, models=models)
    write_video(out, frames(sequence, released, clip.size), fps=clip.fps)
    return donor


def check_alone(clip: Clip) -> None:
    """Refuse a clip in which two faces are seen: it is not clear whose expression is wanted.

    Two frames a second are looked at, and at least `LOOKS`; who is seen for a shorter time may be missed. A
    second face in a single one of them is taken for a slip of the detector.

    Raises
    ------
    BadInput
        If two frames of those looked at show more than one face.
    """
    count = max(LOOKS, round(2 * len(clip) / clip.fps))
    look = set(np.unique(np.linspace(0, len(clip) - 1, count).astype(int)).tolist())
    several = 0
    with FaceTracker.static(max_faces=2) as tracker:
        for t, frame in enumerate(clip.iter_frames()):
            if t in look:
                several += are_two(tracker.all(frame))
    if several >= min(2, len(look)):
        raise BadInput(f"{clip.source}: shows two faces: cut the video so that one person is seen")


def are_two(faces: np.ndarray) -> bool:
    """Say whether detections (2, 478, 3) are two faces, and not one that was found twice.

    Examples
    --------
    >>> face = np.random.default_rng(0).uniform(0, 50, (478, 3))
    >>> are_two(np.stack([face, face + 1])), are_two(np.stack([face, face + 90]))
    (False, True)
    """
    if not np.isfinite(faces).all():
        return False
    apart = np.linalg.norm(faces[0, :, :2].mean(0) - faces[1, :, :2].mean(0))
    return bool(apart > 0.5 * np.ptp(faces[0, :, 0]))


def frames(sequence: FaceSequence, released: np.ndarray, size: tuple[int, int]) -> Iterator[np.ndarray]:
    """Yield released crops laid into plain frames, at the place, size and tilt of the original face.

    Parameters
    ----------
    sequence : FaceSequence, for where the face is
    released : (T, 64, 64) uint8 array
    size : height and width of the frames

    Yields
    ------
    (H, W, 3) uint8 arrays
    """
    places = placed(sequence.points, sequence.found, sequence.fps)
    border = released[sequence.found][:, [0, -1]]  # gray around the released face, made the gray of all
    ground = np.full((*size, 3), int(np.median(border)) if border.size else GROUND, np.uint8)
    for t, crop in enumerate(released):
        yield lay(crop, places[t], ground) if sequence.found[t] else ground


def placed(points: np.ndarray, found: np.ndarray, fps: float) -> np.ndarray:
    """Return the similarity from crop to frame, smoothed over time, (T, 2, 3); zeros where no face is."""
    rows = np.flatnonzero(found)
    out = np.zeros((len(found), 2, 3))
    if rows.size:
        known = np.stack([cv2.invertAffineTransform(upright(points[t])) for t in rows])  # crop to frame
        out[rows] = anonymize.steady(known.reshape(-1, 6), fps, seconds=STEADY).reshape(-1, 2, 3)
    return out


def lay(crop: np.ndarray, matrix: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """Lay a crop (64, 64) into a frame (H, W, 3), its border fading; `matrix` leads from crop to frame.

    Examples
    --------
    >>> ten_off = np.array([[1.0, 0, 10], [0, 1, 10]])
    >>> frame = lay(np.full((64, 64), 200, np.uint8), ten_off, np.full((90, 90, 3), 100, np.uint8))
    >>> frame[42, 42].tolist(), frame[0, 0].tolist()
    ([200, 200, 200], [100, 100, 100])
    """
    height, width = ground.shape[:2]
    inside = np.minimum(np.arange(SIZE), np.arange(SIZE)[::-1]) / _FEATHER
    fade = np.minimum(1, np.minimum.outer(inside, inside)).astype(np.float32)  # (64, 64)
    share = cv2.warpAffine(fade, matrix, (width, height), flags=cv2.INTER_LINEAR)[..., None]
    face = cv2.warpAffine(
        crop, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )[..., None]
    return np.rint(ground * (1 - share) + face * share).astype(np.uint8)
