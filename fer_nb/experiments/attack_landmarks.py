"""How far must landmarks move? `python -m fer_nb.experiments.attack_landmarks`.

The temporal branch is attacked through its landmarks (threat A2): each may move in every frame, smoothly or
on its own, by at most so many pixels at a face width of 128. Beside it stands the detector's own jitter on a
still head, and random displacement of equal size. Neutral face and motion are found anew after the attack.

Hypotheses, written down before the run:

jitter_is_enough       Landmarks moved smoothly by three times the jitter halve the temporal accuracy.
noise_is_harmless      Random displacement by two pixels costs less than 15 points.
free_beats_smooth      At every bound, free displacement leaves no more right answers than smooth.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from .. import landmark_attacks, results, temporal
from ..landmarks import FaceTracker
from ..mime import blocks, courses, packing, render
from . import _attack_lab as lab
from ._tables import write_table

EACH = 2  # clips of each person
KINDS = ("smooth", "free", "noise")
PIXELS = (0.5, 1.0, 2.0, 4.0)
STILL_PEOPLE, STILL_FRAMES = 6, 16
HYPOTHESES = ("jitter_is_enough", "noise_is_harmless", "free_beats_smooth")


def slug(pixels: float) -> str:
    """Return a bound as it stands in the name of a record.

    Examples
    --------
    >>> slug(0.5), slug(2.0)
    ('px0_5', 'px2')
    """
    return f"px{pixels:g}".replace(".", "_")


RECORDS = (
    "attack.jitter", "attack.landmarks.clean",
    *(f"attack.landmarks.{kind}.{slug(p)}" for kind in KINDS for p in PIXELS),
    "attack.landmarks.in_jitters", "attack.landmarks.hypotheses_held",
)  # fmt: skip
TABLE = "attack.landmarks.csv"


def still_head_jitter(people: int = STILL_PEOPLE, frames: int = STILL_FRAMES) -> np.ndarray:
    """Return the jitter of the detector on still heads, (people,), in pixels at a face width of 128.

    One pose of each *validate* person is photographed again and again: only the camera's noise and the
    compression differ. The face is followed as in a video.
    """
    found = []
    for person in range(people):
        model = blocks.dressed("validate", person, 0)
        rng = np.random.default_rng(person)
        style, scene = model.person.style, model.scene
        course = courses.make_course(rng, "neutral", style, scene.pose, scene.sway, False)
        first = course.left[0], course.right[0], course.pose[0], course.gaze[0]
        linear, points = render.frame(model, *first)
        camera = render.metered(scene.camera, linear, points) if "gain" not in scene.camera else scene.camera
        shots = tuple(
            packing.encode(render.expose(linear, camera, rng), camera["quality"]) for _ in range(frames)
        )
        with FaceTracker() as tracker:
            seen = np.stack([tracker(np.asarray(frame)) for frame in packing.JpegFrames(shots)])
        if np.isfinite(seen).all():
            found.append(landmark_attacks.jitter(seen[2:]))  # the first frames settle the tracker
    return np.array(found)


def on_landmarks(who: lab.Victims) -> dict[tuple[str, float], np.ndarray]:
    """Return hits (N,) of the temporal branch by kind of displacement and bound; ("clean", 0) is without."""
    model, y, faces = temporal.load(), who.y, list(who.faces)
    out = {("clean", 0.0): (landmark_attacks.answers(model, faces).argmax(1) == y).numpy()}
    for kind in KINDS:
        for pixels in PIXELS:

            def work(kind: str = kind, pixels: float = pixels) -> dict[str, np.ndarray]:
                if kind == "noise":
                    moved = landmark_attacks.noise(faces, pixels=pixels)
                else:
                    moved = landmark_attacks.landmark_pgd(
                        model, faces, pixels=pixels, smooth=kind == "smooth", steps=20, step=0.15
                    )
                said = landmark_attacks.answers(model, [m.sequence for m in moved])
                return {
                    "right": (said.argmax(1) == y).numpy(), "mean": np.array([m.mean for m in moved]),
                }  # fmt: skip

            unit = lab.kept(f"{who.split}-landmarks-{kind}-{pixels}-{len(y)}", work)
            out[kind, pixels] = unit["right"]
            print(kind, pixels, unit["right"].mean(), "mean move", unit["mean"].mean(), flush=True)
    return out


def verdicts(moved: dict[tuple[str, float], np.ndarray], jitter: float) -> dict[str, bool]:
    """Say of each hypothesis whether it held; the first is read at the largest bound within three jitters."""
    left = {key: float(hits.mean()) for key, hits in moved.items()}
    clean, within = left["clean", 0.0], [p for p in PIXELS if p <= 3 * jitter]
    return {
        "jitter_is_enough": bool(within) and left["smooth", max(within)] <= 0.5 * clean,
        "noise_is_harmless": clean - left["noise", 2.0] < 0.15,
        "free_beats_smooth": all(left["free", p] <= left["smooth", p] for p in PIXELS),
    }


def run(*, split: str = lab.SPLIT, people: int | None = None) -> list[results.Record]:
    """Move landmarks, measure the jitter, then write records and the table."""
    began = time.perf_counter()
    who = lab.victims(split, people).some(EACH)
    moved = on_landmarks(who)
    still = lab.kept(f"jitter-{STILL_PEOPLE}-{STILL_FRAMES}", lambda: {"px": still_head_jitter()})["px"]
    jitter = float(still.mean())
    common: dict[str, Any] = {"seconds": round(time.perf_counter() - began, 1)}
    made: list[results.Record] = []
    rows: list[dict[str, Any]] = []
    for (kind, pixels), hits in moved.items():
        end = "clean" if kind == "clean" else f"{kind}.{slug(pixels)}"
        note = f"temporal branch; landmarks moved ({kind}) by at most {pixels:g} px at a face width of 128"
        score = who.score(hits)
        made.append(lab.record(f"attack.landmarks.{end}", score, who, unit="accuracy", note=note, **common))
        rows.append({"kind": kind, "pixels": pixels, "jitters": pixels / jitter, **vars(score)})
    made.append(lab.record(
        "attack.jitter", jitter, None, n=len(still), split="validate", unit="pixels", low=float(still.min()),
        high=float(still.max()), note="of the detector on still heads, root mean square, at a face width of "
        f"128; mean, least and most over people, {STILL_FRAMES} frames each", **common))  # fmt: skip
    made.append(lab.record("attack.landmarks.in_jitters", 1.0 / jitter, None, n=len(still), split="validate",
                           unit="jitters", note="one pixel at a face width of 128", **common))  # fmt: skip
    made.append(lab.hypotheses("attack.landmarks.hypotheses_held", verdicts(moved, jitter), split, **common))
    write_table(rows, results.folder() / TABLE)
    return made


if __name__ == "__main__":
    lab.command_line(run, __doc__)
