"""One picture of each expression, at its strongest moment: a population at a tenth of the price of its clips.

Membership inference needs thousands of people who were in no training set. A clip of them would be cut down
to its apex frame anyway, so only that frame is rendered, in the performance and light that the clip has.
The face is found and cropped as everywhere: by MediaPipe, searching the picture afresh.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from . import crops, mime
from ._parallel import spread
from .cache import cache_dir, load_arrays, save_arrays
from .errors import BadInput, CacheError
from .labels import LABELS
from .landmarks import FaceTracker
from .mime import render
from .mime.blocks import dressed
from .mime.courses import Course, make_course
from .mime.packing import encode
from .mime.populations import spec
from .mime.units import INDEX

GROUP = 20  # people in one cache file
_CLIP = 0x436C6970  # what the random numbers of a clip begin with, as in `mime.blocks.perform`
_FORMAT = 1  # raise when the pictures change


@dataclass(frozen=True)
class Stills:
    """Apex pictures of a block: seven for each person, in the order of `labels.LABELS`.

    Attributes
    ----------
    crops : (P, 7, 64, 64) uint8 array, aligned grey crops; 0 where no face was found
    units : (P, 7, 22) float32 array, true action units
    found : (P, 7) bool array
    names : names of the P people, as clips carry them
    """

    crops: np.ndarray
    units: np.ndarray
    found: np.ndarray
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def some(self, rows: Sequence[int] | np.ndarray) -> Stills:
        """Return the stills of some of the people, by their row numbers."""
        at = np.asarray(rows, int)
        return Stills(self.crops[at], self.units[at], self.found[at], tuple(self.names[i] for i in at))


def apex_of(course: Course) -> int:
    """Return the frame whose true action units are farthest from the first frame's, blinks left out.

    Examples
    --------
    >>> still = np.zeros((3, len(INDEX)))
    >>> still[1, INDEX["AU12"]] = 0.8
    >>> apex_of(Course(still, still, np.zeros((3, 3)), np.zeros((3, 2)), 10.0, 1.0, 0, False, False))
    1
    """
    both = (course.left + course.right) / 2  # (T, U)
    both = np.delete(both, INDEX["AU43"], axis=1)
    return int(np.abs(both - both[0]).sum(1).argmax())


def picture(model: render.Model, course: Course, frame: int, rng: np.random.Generator) -> np.ndarray:
    """Render one frame of a performance, with the exposure that the camera set at the first frame.

    Returns
    -------
    (160, 160, 3) uint8 RGB array, JPEG artifacts included
    """
    drawn = [
        render.frame(model, course.left[t], course.right[t], course.pose[t], course.gaze[t])
        for t in sorted({0, frame})
    ]
    camera = render.metered(model.scene.camera, *drawn[0])
    packed = encode(render.expose(drawn[-1][0], camera, rng), camera["quality"])
    return cv2.cvtColor(cv2.imdecode(packed, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def stills_of(block: str, person: int, session: int, tracker: FaceTracker) -> dict[str, np.ndarray]:
    """Make the seven stills of one person: `crops` (7, 64, 64), `units` (7, 22) and `found` (7,).

    Raises
    ------
    BadInput
        For an unknown block, or a person or session that it does not have.
    """
    model, number = dressed(block, person, session), spec(block).first + person
    faces, units, found = [], [], []
    for place, label in enumerate(LABELS):
        rng = np.random.default_rng([_CLIP, 0, 0, number, session, place])
        course = make_course(rng, label, model.person.style, model.scene.pose, model.scene.sway)
        apex = apex_of(course)
        image = picture(model, course, apex, rng)
        points = tracker(image)  # (478, 3)
        seen = bool(np.isfinite(points).all())
        blank = np.zeros((crops.SIZE, crops.SIZE), np.uint8)
        faces.append(crops.crop_face(image, points) if seen else blank)
        units.append((course.left[apex] + course.right[apex]) / 2)
        found.append(seen)
    return {"crops": np.stack(faces), "units": np.stack(units).astype(np.float32), "found": np.array(found)}


def stills(
    block: str, *, people: int, first: int = 0, session: int = 0, workers: int = 1, progress: bool = True
) -> Stills:
    """Return the apex stills of a block's people; what is missing is made and kept, 20 people at a time.

    Parameters
    ----------
    block : one of `mime.BLOCKS`
    people : how many people
    first : number of the first of them within the block
    session : which take
    workers : processes
    progress : show a bar on standard error

    Raises
    ------
    BadInput
        For an unknown block, or people or a session that it does not have.

    Examples
    --------
    >>> stills("fit", people=500)
    Traceback (most recent call last):
        ...
    fer_nb.errors.BadInput: block 'fit' has 400 people and 3 sessions: ask for people within 0 to 399
    """
    where = spec(block)
    if people < 1 or first < 0 or first + people > where.people or not 0 <= session < where.sessions:
        raise BadInput(
            f"block {block!r} has {where.people} people and {where.sessions} sessions: "
            f"ask for people within 0 to {where.people - 1}"
        )
    groups = range(first // GROUP * GROUP, first + people, GROUP)
    jobs = [(block, start, min(start + GROUP, where.people), session) for start in groups]
    todo = [job for job in jobs if not _path(job).exists()]
    if todo:
        spread(_make, todo, workers=min(workers, len(todo)), progress="apex stills" if progress else None)
    parts = [_read(job) for job in jobs]
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    rows = slice(first - groups[0], first - groups[0] + people)
    names = tuple(mime.subject_id(block, number) for number in range(first, first + people))
    return Stills(whole["crops"][rows], whole["units"][rows], whole["found"][rows], names)


_Job = tuple[str, int, int, int]  # block, first person, last, session


def _path(job: _Job) -> Path:
    block, first, _, session = job
    home = cache_dir() / f"{mime.VERSION}-{mime.fingerprint()}" / f"apex-stills-{_FORMAT}-{crops.FORMAT}"
    return home / f"{block}-session{session}" / f"people-{first:04d}.npz"


def _make(job: _Job) -> None:
    """Make the stills of a few people and keep them."""
    block, first, last, session = job
    with FaceTracker.static() as tracker:
        made = [stills_of(block, person, session, tracker) for person in range(first, last)]
    save_arrays(_path(job), {name: np.stack([one[name] for one in made]) for name in made[0]})


def _read(job: _Job) -> dict[str, np.ndarray]:
    """Read the stills of a few people; make them again if the file was damaged since."""
    arrays = load_arrays(_path(job))
    if arrays is None:
        _make(job)
        arrays = load_arrays(_path(job))
    if arrays is None:
        raise CacheError(
            f"{_path(job)}: is damaged as soon as it is written: set FER_NB_CACHE to another folder"
        )
    return arrays
