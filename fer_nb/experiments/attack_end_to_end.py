"""Can the whole system be turned by its scores alone? `python -m fer_nb.experiments.attack_end_to_end`.

The attacker sees the fused probabilities of a clip of eight frames, and nothing else (threat A3). She lays
one pattern over all frames; detector, crops, both branches and fusion run anew for each question. Square, of
torchattacks, chooses the questions. A question in which the detector loses a face is counted apart, and
turns no answer.

Hypotheses, written down before the run, when it was planned with 300 questions; it asks 500 now:

fusion_resists     Less than half of the rightly read clips are turned in 300 questions.
pixels_first       In those that are turned, the spatial branch is wrong more often than the temporal one.
noise_is_harmless  Noise of the same bound leaves at least nine in ten of them right.
"""

from __future__ import annotations

import hashlib
import time
from typing import Any

import numpy as np
import torch

from .. import results, video_attacks
from ..attacks import launch, seeded, under_attack
from ..image_attacks import bounded
from ..labels import LABELS
from ..landmarks import FaceTracker
from ..prediction import Models, shipped_models
from . import _attack_lab as lab
from ._tables import write_table

CLIPS, FRAMES, QUERIES, LEVEL = 50, 8, 500, 8  # one clip a person; bound in 1/255
PLANNED = 300  # questions, of the hypothesis
NOISES = 20  # draws of noise for each clip: the control
ANSWERS = ("clean", "fused", "spatial", "temporal", "noise")
HYPOTHESES = ("fusion_resists", "pixels_first", "noise_is_harmless")
RECORDS = (
    *(f"attack.end_to_end.{what}" for what in ANSWERS), "attack.end_to_end.queries",
    "attack.end_to_end.lost_queries", "attack.end_to_end.turned", "attack.end_to_end.noise_turned",
    "attack.end_to_end.hypotheses_held",
)  # fmt: skip
TABLE = "attack.end_to_end.csv"


def end_to_end(who: lab.Victims, models: Models, *, clips: int = CLIPS) -> dict[str, np.ndarray]:
    """Attack the whole system on one clip each of so many people, scores only.

    Returns
    -------
    dict of (clips,) arrays: "clean", "fused", "spatial", "temporal" (right after the attack; a clip that
    Square could not turn stays as it was), "noise" (right under noise of the same size), "queries", "lost"
    (questions in which a face was lost)
    """
    rows, key = who.some(1, seed=1), hashlib.sha256(repr(models.fusion).encode()).hexdigest()[:8]
    columns: dict[str, list[float]] = {k: [] for k in ("clean", "fused", "spatial", "temporal", "noise",
                                                       "queries", "lost")}  # fmt: skip
    tracker = FaceTracker.static()
    for number in range(min(clips, len(rows.faces))):

        def work(number: int = number) -> dict[str, np.ndarray]:
            return _one_box(rows, number, models, tracker)

        one = lab.kept(f"{who.split}-box-{number}-{QUERIES}-{NOISES}-{LEVEL}-{FRAMES}-{key}", work)
        for name, column in columns.items():
            column.append(float(one[name]))
        print(rows.clips[number].source, {k: float(v) for k, v in one.items()}, flush=True)
    tracker.close()
    return {name: np.array(column) for name, column in columns.items()}


def _one_box(rows: lab.Victims, number: int, models: Models, tracker: FaceTracker) -> dict[str, np.ndarray]:
    clip = video_attacks.few_frames(rows.clips[number], FRAMES)
    box = video_attacks.EndToEnd(clip, models, tracker=tracker)
    model, y, none = under_attack(box), torch.tensor([box.label]), box.nothing
    clean = box.answer(none[0])
    out: dict[str, Any] = {
        "clean": clean is not None and clean.label == LABELS[box.label],
        "queries": 0,
        "lost": 0,
    }
    if not out["clean"]:  # nothing to turn
        return {k: np.array(float(v)) for k, v in {**out, "fused": 0, "spatial": 0, "temporal": 0,
                                                   "noise": 0}.items()}  # fmt: skip
    found = launch(bounded("Square", LEVEL / 255, steps=QUERIES), model, none, y, epsilon=LEVEL / 255)
    out |= {"queries": found.queries, "lost": box.lost}
    said = box.answer(found.images[0])
    for name in ("fused", "spatial", "temporal"):
        p = None if said is None else getattr(said, name)
        out[name] = p is not None and int(p.argmax()) == box.label
    if said is None:  # a lost face is no turned label
        out["fused"] = True
    with seeded(0):
        noise = none + LEVEL / 255 * (2 * torch.randint(0, 2, (NOISES, *none.shape[1:])) - 1)
    out["noise"] = float((model(noise).argmax(1) == box.label).float().mean())
    return {k: np.array(float(v)) for k, v in out.items()}


def verdicts(box: dict[str, np.ndarray]) -> dict[str, bool]:
    """Say of each hypothesis whether it held, on the clips that were read rightly, or turned."""
    read = box["clean"] > 0
    turned = read & (box["fused"] == 0)
    return {
        "fusion_resists": float((turned & (box["queries"] <= PLANNED))[read].mean()) < 0.5,
        "pixels_first": bool(turned.any()) and box["spatial"][turned].mean() < box["temporal"][turned].mean(),
        "noise_is_harmless": float(box["noise"][read].mean()) >= 0.9,
    }


def run(*, split: str = lab.SPLIT, people: int | None = None, clips: int = CLIPS) -> list[results.Record]:
    """Attack the whole system, then write records and the table."""
    began = time.perf_counter()
    who = lab.victims(split, people)
    box = end_to_end(who, shipped_models(), clips=clips)
    whole, n = who.some(1, seed=1), len(box["clean"])
    mine = lab.Victims(who.split, whole.clips[:n], whole.faces[:n])
    common: dict[str, Any] = {"seconds": round(time.perf_counter() - began, 1)}
    about = f"{FRAMES} frames, MediaPipe inside, Square, {LEVEL}/255 on one pattern, {QUERIES} questions"
    made = [
        lab.record(f"attack.end_to_end.{name}", mine.score(box[name]), mine, unit="accuracy",
                   note=f"right answers: {name}; whole system; {about}", **common) for name in ANSWERS
    ]  # fmt: skip
    read = box["clean"] > 0
    rows_read = np.flatnonzero(read)
    part = lab.Victims(
        who.split, tuple(mine.clips[i] for i in rows_read), tuple(mine.faces[i] for i in rows_read)
    )
    asked = float(box["queries"][read].mean())
    lost = float(box["lost"].sum() / box["queries"].sum())
    made += [
        lab.record("attack.end_to_end.turned", part.score(1 - box["fused"][read]), part, unit="share",
                   note=f"of the clips that were read rightly, whose answer was turned; {about}", **common),
        lab.record("attack.end_to_end.noise_turned", part.score(box["noise"][read] < 1), part, unit="share",
                   note=f"of these clips, that at least one of {NOISES} draws of noise turns; {about}",
                   **common),
        lab.record("attack.end_to_end.queries", asked, part, unit="queries",
                   note=f"for a clip that was read rightly; {about}", **common),
        lab.record("attack.end_to_end.lost_queries", lost, part, unit="share",
                   note=f"of the questions, in which the detector lost a face; {about}", **common),
        lab.hypotheses("attack.end_to_end.hypotheses_held", verdicts(box), split, **common),
    ]  # fmt: skip
    rows = [{"clip": c.source, **{k: v[i] for k, v in box.items()}} for i, c in enumerate(mine.clips)]
    write_table(rows, results.folder() / TABLE)
    return made


if __name__ == "__main__":
    lab.command_line(run, __doc__)
