"""What can be done to a video? `python -m fer_nb.experiments.attack_video`.

The spatial branch is read over eight frames around the apex. PGD changes all of them, each in its own way or
by one shared pattern; makes them flicker; or changes a few.

Hypotheses, written down before the run:

shared_costs_little    A shared pattern of 2/255 leaves at most 10 points more than one for each frame.
flicker_fails          Flicker of 8/255 costs less than 5 points: the branch subtracts the local mean.
one_frame_is_few       Of eight frames, attacking one leaves more than half of the clean accuracy at 2/255.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import results, spatial, video_attacks
from ..attacks import Attackable, launch, measured, under_attack
from ..gradient_attacks import pgd
from ..preprocess import FaceSequence
from . import _attack_lab as lab
from ._people import enough
from ._tables import write_table

FRAMES, STEPS, STEP = 8, 15, 0.15
EACH = 1  # clips of each person
VIDEO = {
    "every frame": (2,), "shared": (2, 8), "flicker": (2, 8), "1 frame": (2, 8), "2 frames": (2,),
    "4 frames": (2,), "noise": (2, 8),
}  # fmt: skip
SLUGS = {"every frame": "every_frame", "1 frame": "one_frame", "2 frames": "two_frames",
         "4 frames": "four_frames"}  # fmt: skip
HYPOTHESES = ("shared_costs_little", "flicker_fails", "one_frame_is_few")
RECORDS = (
    "attack.video.clean",
    *(f"attack.video.{SLUGS.get(name, name)}.eps{k}" for name, levels in VIDEO.items() for k in levels),
    "attack.video.hypotheses_held",
)
TABLE = "attack.video.csv"


def around_apex(face: FaceSequence, count: int = FRAMES) -> np.ndarray:
    """Return frames (count,) evenly spread over the expressive part of a clip; a short part repeats some."""
    size = np.where(face.found, face.displacement, -1.0)
    rows = np.flatnonzero(size >= 0.6 * size.max()) if face.label != "neutral" else np.flatnonzero(face.found)
    return rows[np.linspace(0, len(rows) - 1, count).round().astype(int)]


def stacked(who: lab.Victims) -> Tensor:
    """Return the clips as the network sees them, (N, T, 1, 64, 64) in [0, 1]."""
    return torch.stack([spatial.to_input(face.crops[around_apex(face)]) for face in who.faces])


def video_attack(name: str, epsilon: float) -> Callable[[Attackable, Tensor, Tensor], Tensor]:
    """Return one of the attacks of `VIDEO`."""
    options: dict[str, Any] = {"epsilon": epsilon, "steps": STEPS, "step": STEP}
    if name == "noise":
        return lambda m, x, y: x + epsilon * (2 * torch.randint(0, 2, x.shape) - 1)
    if name in ("shared", "flicker"):
        return lambda m, x, y: getattr(video_attacks, name)(m, x, y, **options)
    if name == "every frame":
        return lambda m, x, y: pgd(m, x, y, **options)
    return lambda m, x, y: video_attacks.sparse(m, x, y, frames=int(name[0]), **options)


def over_frames(who: lab.Victims) -> dict[tuple[str, float], np.ndarray]:
    """Return hits (N,) by attack and bound; ("clean", 0) is without."""
    x, y = stacked(who), who.y
    model = under_attack(video_attacks.OverTime(spatial.load()), video=True)
    out = {("clean", 0.0): (measured(model, x, x).logits.argmax(1) == y).numpy()}
    for name, levels in VIDEO.items():
        for level in levels:

            def work(name: str = name, level: float = level) -> dict[str, np.ndarray]:
                attack = video_attack(name, level / 255)
                found = launch(attack, model, x, y, epsilon=level / 255, size=16)
                return {"right": (found.logits.argmax(1) == y).numpy()}

            unit = lab.kept(f"{who.split}-video-{name}-{level}-{FRAMES}-{STEPS}-{len(y)}", work)
            out[name, level] = unit["right"]
            print(name, level, out[name, level].mean(), flush=True)
    return out


def verdicts(video: dict[tuple[str, float], np.ndarray]) -> dict[str, bool]:
    """Say of each hypothesis whether it held."""
    left = {key: float(hits.mean()) for key, hits in video.items()}
    clean = left["clean", 0.0]
    return {
        "shared_costs_little": left["shared", 2] - left["every frame", 2] <= 0.10,
        "flicker_fails": clean - left["flicker", 8] < 0.05,
        "one_frame_is_few": left["1 frame", 2] > 0.5 * clean,
    }


def run(*, split: str = lab.SPLIT, people: int | None = None) -> list[results.Record]:
    """Attack videos, then write records and the table."""
    began = time.perf_counter()
    few = lab.victims(split, people or enough(split)).some(EACH)
    video = over_frames(few)
    common: dict[str, Any] = {"seconds": round(time.perf_counter() - began, 1)}
    made: list[results.Record] = []
    rows: list[dict[str, Any]] = []
    for (name, level), hits in video.items():
        end = "clean" if name == "clean" else f"{SLUGS.get(name, name)}.eps{level:g}"
        note = f"spatial branch over {FRAMES} frames around the apex; {name}, {level:g}/255, PGD-{STEPS}"
        score = few.score(hits)
        made.append(lab.record(f"attack.video.{end}", score, few, unit="accuracy", note=note, **common))
        rows.append({"attack": name, "level": level, **vars(score)})
    made.append(lab.hypotheses("attack.video.hypotheses_held", verdicts(video), split, **common))
    write_table(rows, results.folder() / TABLE)
    return made


if __name__ == "__main__":
    lab.command_line(run, __doc__)
