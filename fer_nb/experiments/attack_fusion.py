"""What does fusion buy against attackers? `python -m fer_nb.experiments.attack_fusion`.

One branch is attacked, the other, or both. The attacker of the spatial branch knows its weights and changes
the apex crop (PGD-40). Landmarks are either frozen, so that the temporal branch sees what it saw, or the
change is written back into the frame it came from and the face is found again there. The attacker of the
temporal branch moves landmarks smoothly. Each fusion rule then joins what the branches say, the shipped one
with its constants. The attacker does not know the fusion. A crop written back unchanged is the control.

Hypotheses, written down before the run:

fusion_helps        With the spatial branch attacked at 8/255 and landmarks frozen, every rule that bounds a
                    vote (sum, Borda, vote) reads more clips than the spatial branch alone.
product_suffers     There the product reads fewer clips than the sum.
no_rule_wins        There no rule is better than the temporal branch alone.
writing_back_heals  Re-detected, the attacked spatial branch reads at least 20 points more than frozen.
both_fall           With both branches attacked, no rule keeps half of its accuracy.

What each rule reads more or less than the shipped one, clip by clip, was added after the run. No hypothesis
speaks of it, and no rule was chosen by it.
"""

from __future__ import annotations

import time
from typing import Any

import cv2
import numpy as np
import torch
from scipy.special import softmax

from .. import fusion, fusion_settings, landmark_attacks, results, spatial, temporal
from ..attacks import launch, under_attack
from ..clips import Clip
from ..crops import SIZE, crop_face, upright
from ..evaluation import Interval
from ..gradient_attacks import pgd
from ..landmarks import FaceTracker
from ..preprocess import FaceSequence, sequence_from_points
from . import _attack_lab as lab
from ._people import enough
from ._tables import write_table

LEVELS, PIXELS, STEPS = (1, 2, 8), 2.0, 40
ARMS = (
    "clean", *(f"spatial {k}/255" for k in LEVELS), "written back, unchanged", "spatial 8/255, re-detected",
    "temporal", "both",
)  # fmt: skip
SLUG = {
    "clean": "clean", "spatial 1/255": "eps1", "spatial 2/255": "eps2", "spatial 8/255": "eps8",
    "written back, unchanged": "control", "spatial 8/255, re-detected": "redetected", "temporal": "temporal",
    "both": "both",
}  # fmt: skip
BRANCHES = ("temporal", "spatial")
RIVALS = ("temporal", *fusion.RULES, "standardized logits")  # of the shipped rule; the first is no fusion
COMPARED = ("clean", "spatial 2/255")  # arms in which it is compared with them, clip by clip


def against_shipped(rule: str, arm: str) -> str:
    """Return the id of the record that compares a rule with the shipped one in an arm.

    Examples
    --------
    >>> against_shipped("mix M1", "spatial 2/255")
    'fusion.attack_resilience.mix_m1_minus_shipped.eps2'
    """
    return f"fusion.attack_resilience.{rule.lower().replace(' ', '_')}_minus_shipped.{SLUG[arm]}"


HYPOTHESES = ("fusion_helps", "product_suffers", "no_rule_wins", "writing_back_heals", "both_fall")
RECORDS = (
    "fusion.attack_resilience",
    *(f"fusion.attack_resilience.{slug}" for slug in SLUG.values() if slug != "eps8"),
    *(f"fusion.attack_resilience.{branch}.{SLUG[arm]}" for branch in BRANCHES for arm in ARMS),
    *(f"fusion.attack_resilience.{rule}.eps8" for rule in ("sum", "product", "borda")),
    *(against_shipped(rule, arm) for rule in RIVALS for arm in COMPARED),
    "fusion.attack_resilience.apex_moved", "fusion.attack_resilience.apex_moved.control",
    "fusion.attack_resilience.spatial.apex_stayed", "fusion.attack_resilience.hypotheses_held",
)  # fmt: skip
TABLE = "fusion.attack_resilience.csv"


def written_back(frame: np.ndarray, points: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Write a change of a crop into the frame that the crop was cut from.

    Parameters
    ----------
    frame : (H, W, 3) uint8; points : (478, 3) landmarks in it; change : (64, 64) in levels of 255

    Returns
    -------
    (H, W, 3) uint8. Scale and rotation are undone by bilinear interpolation, so some of the change is lost.
    """
    back = cv2.invertAffineTransform(upright(points))
    there = cv2.warpAffine(change.astype(np.float32), back, frame.shape[1::-1], borderValue=0.0)
    return np.clip(np.round(frame + there[..., None]), 0, 255).astype(np.uint8)


def seen_again(clip: Clip, face: FaceSequence, change: np.ndarray, tracker: FaceTracker) -> FaceSequence:
    """Return the clip as it is seen once the change stands in its apex frame; a lost face leaves a gap."""
    row = face.apex
    frame = written_back(np.asarray(clip.frames[row]), face.points[row], change)
    found = tracker(frame)
    points, crops = face.points.copy(), face.crops.copy()
    points[row] = found
    crops[row] = crop_face(frame, found) if np.isfinite(found).all() else np.zeros((SIZE, SIZE), np.uint8)
    return sequence_from_points(points, crops, fps=face.fps, source=face.source, label=face.label,
                                subject=face.subject)  # fmt: skip


def logits_of(faces: list[FaceSequence] | tuple[FaceSequence, ...]) -> np.ndarray:
    """Return what both branches say of whole clips and their apex, (2, N, 7)."""
    x = torch.cat([spatial.clip_input(face) for face in faces])
    net = spatial.load()
    with torch.no_grad():
        still = torch.cat([net(part) for part in x.split(128)]).numpy()
    return np.stack([landmark_attacks.answers(temporal.load(), faces).numpy(), still])


def arms(who: lab.Victims) -> dict[str, np.ndarray]:
    """Return the logits (2, N, 7) of both branches, temporal first, in every arm.

    "moved" and "moved by nothing", (N,) bool, say where another frame is the apex once the attacked one, or
    the unchanged one, is seen again.
    """
    x, y, model = who.x, who.y, under_attack(spatial.load())

    def attacked(level: int) -> dict[str, np.ndarray]:
        found = launch(lambda m, a, b: pgd(m, a, b, epsilon=level / 255, steps=STEPS), model, x, y,
                       epsilon=level / 255)  # fmt: skip
        levels = (255 * (found.images - x)).round().numpy()[:, 0]
        return {"logits": found.logits.numpy(), "levels": levels.astype(np.int16)}

    def again(levels: np.ndarray) -> dict[str, np.ndarray]:
        with FaceTracker.static() as tracker:
            faces = [
                seen_again(clip, face, change, tracker)
                for clip, face, change in zip(who.clips, who.faces, levels, strict=True)
            ]
        moved = np.array([a.apex != b.apex for a, b in zip(faces, who.faces, strict=True)])
        return {"logits": logits_of(faces), "moved": moved}

    def displaced() -> dict[str, np.ndarray]:
        net = temporal.load()
        found = [
            landmark_attacks.landmark_pgd(net, who.faces[k : k + 50], pixels=PIXELS, steps=20, step=0.15)
            for k in range(0, len(who.faces), 50)
        ]
        faces = [moved.sequence for part in found for moved in part]
        return {"logits": landmark_attacks.answers(net, faces).numpy()}

    def unit(name: str, make: Any) -> dict[str, np.ndarray]:
        return lab.kept(f"{who.split}-fusion-{name}-{STEPS}-{len(y)}", make)

    clean = unit("clean", lambda: {"logits": logits_of(who.faces)})["logits"]
    out = {"clean": clean}
    for level in LEVELS:
        hit = unit(f"spatial-{level}", lambda level=level: attacked(level))
        out[f"spatial {level}/255"] = np.stack([clean[0], hit["logits"]])
    nothing = unit("control", lambda: again(np.zeros((len(y), SIZE, SIZE), np.int16)))
    back = unit("redetected", lambda: again(hit["levels"]))
    moved = unit(f"landmarks-{PIXELS}", displaced)["logits"]
    out |= {
        "written back, unchanged": nothing["logits"], "spatial 8/255, re-detected": back["logits"],
        "temporal": np.stack([moved, clean[1]]), "both": np.stack([moved, hit["logits"]]),
        "moved": back["moved"], "moved by nothing": nothing["moved"],
    }  # fmt: skip
    return out


def answers(z: np.ndarray) -> dict[str, np.ndarray]:
    """Return what each branch and each rule answers, (N,), to logits (2, N, 7)."""
    p = softmax(z, axis=-1)
    said = {branch: p[k].argmax(-1) for k, branch in enumerate(BRANCHES)}
    said |= {name: fusion.decide(rule(p), tie=p.mean(0), better=p[0]) for name, rule in fusion.RULES.items()}
    said["standardized logits"] = fusion.decide(fusion.standardized(z), tie=p.mean(0))
    return {**said, "shipped": fusion_settings.shipped(p[0], p[1]).argmax(-1)}


def gain(right: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return what one answer gains over another on each clip, (N,): 1, 0 or -1, from hits (N,) of both.

    Examples
    --------
    >>> gain(np.array([True, True, False]), np.array([True, False, True])).tolist()
    [0.0, 1.0, -1.0]
    """
    return right.astype(float) - other.astype(float)


def verdicts(left: dict[tuple[str, str], float]) -> dict[str, bool]:
    """Say of each hypothesis whether it held, from accuracies by (arm, rule)."""
    rules = {rule for _, rule in left} - set(BRANCHES)
    hit, back = "spatial 8/255", "spatial 8/255, re-detected"
    alone = left[hit, "spatial"]
    return {
        "fusion_helps": all(left[hit, rule] > alone for rule in ("sum", "Borda", "vote")),
        "product_suffers": left[hit, "product"] < left[hit, "sum"],
        "no_rule_wins": all(left[hit, rule] <= left[hit, "temporal"] for rule in rules),
        "writing_back_heals": left[back, "spatial"] - alone >= 0.20,
        "both_fall": all(left["both", rule] < 0.5 * left["clean", rule] for rule in rules),
    }


def run(*, split: str = lab.SPLIT, people: int | None = None) -> list[results.Record]:
    """Attack, fuse by every rule, then write records and the table."""
    began = time.perf_counter()
    who = lab.victims(split, people or enough(split))
    told = arms(who)
    moved, by_nothing = told.pop("moved"), told.pop("moved by nothing")
    y = who.y.numpy()
    hits = {(arm, rule): said == y for arm, z in told.items() for rule, said in answers(z).items()}
    scores = {key: who.score(right) for key, right in hits.items()}
    common: dict[str, Any] = {"seconds": round(time.perf_counter() - began, 1)}
    made: list[results.Record] = []

    def put(id: str, value: Interval | float, **more: Any) -> None:
        made.append(lab.record(f"fusion.attack_resilience{id}", value, who, **{**common, **more}))

    for arm in ARMS:
        end = "" if SLUG[arm] == "eps8" else f".{SLUG[arm]}"
        about = f"{arm}; PGD-{STEPS} on the apex crop, landmarks moved smoothly by at most {PIXELS} px of 128"
        put(end, scores[arm, "shipped"], unit="accuracy", note=f"fused by the shipped rule; {about}")
        for branch in BRANCHES:
            put(
                f".{branch}.{SLUG[arm]}",
                scores[arm, branch],
                unit="accuracy",
                note=f"{branch} branch; {about}",
            )
    for rule in ("sum", "product", "Borda"):
        put(f".{rule.lower()}.eps8", scores["spatial 8/255", rule], unit="accuracy", note=f"fused: {rule}")
    for rule, arm in ((rule, arm) for rule in RIVALS for arm in COMPARED):
        gap = who.score(gain(hits[arm, rule], hits[arm, "shipped"]))
        about = f"by the {rule} branch alone" if rule in BRANCHES else f"fused by {rule}"
        about += f", minus fused by the shipped rule, the same clips; {arm}"
        made.append(lab.record(against_shipped(rule, arm), gap, who, unit="accuracy", note=about, **common))
    about = "of the clips: another frame is the apex once the {} one is seen again"
    put(".apex_moved", float(moved.mean()), unit="share", note=about.format("attacked"))
    put(".apex_moved.control", float(by_nothing.mean()), unit="share", note=about.format("unchanged"))
    healed = hits["spatial 8/255, re-detected", "spatial"] & ~moved
    put(".spatial.apex_stayed", who.score(healed), unit="share", note="of all clips: the spatial branch, "
        "re-detected, reads the attacked frame rightly, and not another that is the apex now")  # fmt: skip
    held = verdicts({key: float(right.mean()) for key, right in hits.items()})
    made.append(lab.hypotheses("fusion.attack_resilience.hypotheses_held", held, split, **common))
    rows = [{"arm": arm, "rule": rule, **vars(score)} for (arm, rule), score in scores.items()]
    write_table(rows, results.folder() / TABLE)
    return made


if __name__ == "__main__":
    lab.command_line(run, __doc__)
