"""Frames of donors, with true codes: what the anonymizer learns from, and what is kept out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from .. import mime, spatial
from ..anonymize_training import Faces
from ..errors import BadInput
from ..head_pose import fit_pose, sines
from ..labels import LABELS, index
from ..preprocess import FaceSequence, face_sequences


@dataclass(frozen=True)
class Data:
    """Clips of the donors, and of the people whose codes are drawn on them."""

    donors: list[FaceSequence]
    others: list[FaceSequence]


def load_data(donors: int, split: str, *, people: int | None = None) -> Data:
    """Trace the donors, and the people of another block in their first session."""
    found = []
    for block, many in (("fit", donors), (split, people)):
        clips = mime.block(block, people=many)
        traced = face_sequences(clips, key=f"{mime.VERSION}/{block}")
        found.append([s for s in traced if s is not None])
    return Data(*found)


def kept_out(sequence: FaceSequence) -> bool:
    """Whether a donor's clip is left out of training: one class each, in turn.

    Raises
    ------
    BadInput
        If the clip is not one of Mime's.
    """
    if sequence.conditions is None or sequence.label is None:
        raise BadInput(f"{sequence.source}: has no conditions: give Mime clips")
    return index(sequence.label) == sequence.conditions["person"] % len(LABELS)


def usual_pose(sequences: Sequence[FaceSequence]) -> dict[int, np.ndarray]:
    """Return the mean head pose of each donor, two sines, over all of the donor's frames."""
    poses: dict[int, list[np.ndarray]] = {}
    for s in sequences:
        poses.setdefault((s.conditions or {})["person"], []).append(sines(s.points[s.found]))
    return {person: np.concatenate(parts).mean(0) for person, parts in poses.items()}


def frames_of(sequences: Sequence[FaceSequence], usual: Mapping[int, np.ndarray]) -> Faces:
    """Return all frames with a face, with true codes (units, and pose less the usual one) and people."""
    crops, codes, people = [], [], []
    for s in sequences:
        if s.units is None or s.conditions is None:
            raise BadInput(f"{s.source}: has no true action units: train on Mime")
        person = s.conditions["person"]
        pose = sines(s.points[s.found]) - usual[person]
        crops.append(s.crops[s.found])
        codes.append(np.concatenate([s.units[s.found].clip(0, 1), pose], 1).astype(np.float32))
        people.append(np.full(int(s.found.sum()), person))
    return Faces(np.concatenate(crops), np.concatenate(codes), np.concatenate(people))


def divided(donors: Sequence[FaceSequence]) -> tuple[Faces, Faces]:
    """Return the donors' frames to train on, and those of the clips that are kept out."""
    usual = usual_pose(donors)
    parts = ([s for s in donors if kept_out(s) is out] for out in (False, True))
    train_on, held = (frames_of(part, usual) for part in parts)
    return train_on, held


def pose_readout(sequences: Sequence[FaceSequence], reader: spatial.SpatialNet) -> torch.nn.Linear:
    """Fit the readout of head pose, as it is, on every second frame."""
    crops = np.concatenate([s.crops[s.found][::2] for s in sequences])
    pose = np.concatenate([sines(s.points[s.found])[::2] for s in sequences])
    with torch.no_grad():
        seen = torch.cat([reader.maps(x).flatten(1) for x in spatial.to_input(crops).split(256)])
    return fit_pose(seen, pose)


def some(faces: Faces, count: int) -> Faces:
    """Return evenly spaced frames, at most `count`."""
    pick = np.unique(np.linspace(0, len(faces.crops) - 1, count).astype(int))
    return Faces(faces.crops[pick], faces.codes[pick], faces.people[pick])
