"""The shipped branches and the rule that joins them: `python -m fer_nb.experiments.fusion_system`.

Fits the constants of the rule on *validate*, on people that the branches were not trained on, and writes
`fer_nb/weights/fusion.json`. The records are scored on people whom the constants have not seen either.
`--test-block` scores the system as it is shipped on the test block: its choices were all made before.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from scipy.special import softmax

from .. import (
    calibration,
    checkpoints,
    fusion,
    fusion_fit,
    fusion_settings,
    mime,
    results,
    splits,
)
from ..cache import atomic_write
from ..labels import LABELS, index
from ..prediction import judge, shipped_models
from ..preprocess import face_sequences
from ..reliability import ece
from .crossfit import read
from .fusion_data import Pooled, cross_fit, gather, over_people
from .fusion_rules import put, rule_of_validation, write_csv

BRANCHES = ("temporal", "spatial")
RECORDS = (
    "fusion.accuracy", *(f"fusion.accuracy.{branch}" for branch in BRANCHES),
    "fusion.accuracy.validate", "fusion.accuracy_shift",
    "fusion.gain_over_branch.shipped", "fusion.gain_over_branch.test",
    "fusion.calibration_error", "fusion.calibration_error.mean",
)  # fmt: skip
BINS = 15  # of confidence, in the expected calibration error
SESSIONS = (0,)  # of *validate*; more of them (1, 2) narrow the intervals and cost minutes
CANDIDATES = ("sum", "calibrated sum", "calibrated product", "standardized logits", "calibrated mix M1")


def system_answers(block: str, *, sessions: Sequence[int] = (0,), shifted: bool = False) -> dict[str, Any]:
    """Ask the shipped branches about a block, each clip by its most expressive window, as `predict` does.

    Returns
    -------
    dict with "z", the log-probabilities (2, N, 7), NaN without a face; "truth" and "person", (N,)
    """
    clips = mime.block(block, sessions=sessions, shifted=shifted)
    key = f"{mime.VERSION}/{block}{'-shift' if shifted else ''}"
    models = shipped_models()
    z = np.full((2, len(clips), len(LABELS)), np.nan)
    for k, face in enumerate(face_sequences(clips, key=key)):
        if face is not None:
            said = judge(face, models)
            each = [said.spatial if said.temporal is None else said.temporal, said.spatial]
            z[:, k] = np.log(np.maximum(each, 1e-12))
    truth = np.array([index(c.label or "neutral") for c in clips])
    return {"z": z, "truth": truth, "person": np.array([c.subject for c in clips])}


def settings(rule: str, z: np.ndarray, truth: np.ndarray) -> fusion_settings.Settings:
    """Fit the constants with which a rule is shipped, on clips with a face."""
    found = np.isfinite(z).all((0, 2))
    z, truth = z[:, found], truth[found]
    scales = fusion_fit.temperatures(z, truth) if "calibrated" in rule else (1.0, 1.0)
    lam = 0.0
    if rule == "calibrated mix M1":
        p = fusion_fit.calibrated(z, scales)
        mixed = [fusion.mix(p, value) for value in fusion_fit.GRID]
        lam = float(fusion_fit.GRID[fusion_fit.choose(mixed, truth, fusion.product(p))])
    unfinished = fusion_settings.Settings(rule, scales, lam)
    fused = np.log(np.maximum(fusion_settings.apply(unfinished, softmax(z, axis=-1)), 1e-12))
    return fusion_settings.Settings(rule, scales, lam, calibration.fit_temperature(fused, truth))


def held_out_accuracy(
    rule: str, learn: dict[str, Any], asked: dict[str, Any], *, folds: int = 5
) -> tuple[np.ndarray, np.ndarray]:
    """Fit constants on some people and answer about others; return right answers of fusion and of branches.

    Returns
    -------
    (N,) bool, and (2, N) bool, for the clips of `asked`
    """
    out = np.zeros(len(asked["truth"]), bool)
    for _, test in splits.subject_disjoint_folds(learn["person"].tolist(), folds=folds):
        people = set(learn["person"][test])
        rest = ~np.isin(learn["person"], list(people))
        fitted = settings(rule, learn["z"][:, rest], learn["truth"][rest])
        mine = np.isin(asked["person"], list(people)) & np.isfinite(asked["z"]).all((0, 2))
        fused = fusion_settings.apply(fitted, softmax(asked["z"][:, mine], axis=-1))
        out[mine] = fused.argmax(-1) == asked["truth"][mine]
    single = np.nan_to_num(asked["z"], nan=-np.inf).argmax(-1) == asked["truth"]
    return out, single & np.isfinite(asked["z"]).all((0, 2))


def system_table(
    wide: dict[str, Any], plain: dict[str, Any], shifted: dict[str, Any]
) -> list[dict[str, Any]]:
    """Return every rule on the shipped branches: accuracy, gain over the better branch, accuracy on the twin.

    Rules learn from four fifths of the people and are asked about the others.

    Parameters
    ----------
    wide : answers about *validate* in several sessions, for accuracy and gain
    plain, shifted : answers about one session and its shifted twin, the same clips in the same order
    """
    branches = np.nan_to_num(wide["z"], nan=-np.inf).argmax(-1) == wide["truth"]
    better = branches[int(branches.mean(1).argmax())].astype(float)
    here = cross_fit(wide["z"], wide["z"], _one_fold(wide), inner=5)
    there = cross_fit(plain["z"], shifted["z"], _one_fold(plain), inner=5)
    rows: list[dict[str, Any]] = []
    for name, rule in fusion_fit.RULES.items():
        right = (here[name] == wide["truth"]).astype(float)
        score = over_people(right, wide["person"])
        gain = over_people(100 * (right - better), wide["person"])
        about: dict[str, Any] = {"rule": name, "level": rule.level}
        about |= {"accuracy": score.value, "low": score.low, "high": score.high}
        gains = {"gain": gain.value, "gain_low": gain.low, "gain_high": gain.high}
        shift = float((there[name] == shifted["truth"]).mean())
        rows.append({**about, **gains, "shift": shift})
    return rows


def _one_fold(asked: dict[str, Any]) -> Pooled:
    """Return clips of the shipped system as one fold: its branches have seen nobody of them."""
    return Pooled(asked["person"], asked["person"], asked["truth"], np.zeros(len(asked["truth"]), int), {})


# ---------------------------------------------------------------- records


def winner(asked: dict[str, Any]) -> tuple[str, dict[str, float]]:
    """Return the candidate with the most right answers on *validate*, and all their accuracies there.

    The shipped branches are asked, constants come from other people. Of equals, the one that reads more of
    *validate* with the networks of the folds.
    """
    source, checked = gather(read("fit")), gather(read("validate"), shifted=False)
    folds = rule_of_validation(source, checked, CANDIDATES)
    score = {rule: float(held_out_accuracy(rule, asked, asked)[0].mean()) for rule in CANDIDATES}
    return max(score, key=lambda rule: (round(score[rule], 6), folds[rule])), score


def write_constants(fitted: fusion_settings.Settings, score: dict[str, float], clips: int) -> None:
    """Ship the constants, with what they were fitted for and on."""
    cards = {name: checkpoints.read_card(name).recipe for name in ("temporal", "spatial")}
    about = {
        "settings": asdict(fitted),
        "fitted_on": f"{mime.VERSION} validate, {clips} clips",
        "branches": cards,
        "validate_accuracy_of_candidates": {name: round(value, 4) for name, value in score.items()},
    }
    atomic_write(checkpoints.WEIGHTS / "fusion.json", (json.dumps(about, indent=1) + "\n").encode())
    fusion_settings.shipped_settings.cache_clear()


def write_accuracy(id: str, right: np.ndarray, single: np.ndarray, person: np.ndarray, **fields: Any) -> None:
    """Write the accuracy of the fused system; the note names both branches, the mean and the ceiling."""
    alone = ", ".join(
        f"{name} alone {over_people(hits.astype(float), person)}"
        for name, hits in zip(BRANCHES, single, strict=True)
    )
    ceiling = results.load("mime.oracle_ceiling").value
    note = f"clips; {fields.pop('about')}; {alone}; oracle ceiling {ceiling:.3f}; interval over people"
    put(id, over_people(right.astype(float), person), unit="accuracy", n=len(right), seeds=(0,), note=note,
        **fields)  # fmt: skip


def write_gain(end: str, right: np.ndarray, single: np.ndarray, person: np.ndarray, **fields: Any) -> None:
    """Write what the fused system gains over the better of its branches, clip by clip, in points."""
    about, better = fields.pop("about"), single[int(single.mean(1).argmax())]
    gain = over_people(100 * (right.astype(float) - better), person)
    note = f"clips; {about}; over the better branch (the temporal one is a committee of seeds)"
    put(f"fusion.gain_over_branch.{end}", gain, unit="points", n=len(right), seeds=(0,), note=note, **fields)


def run() -> None:
    """Choose the rule, ship its constants, and record how the system does on *validate* and its twin."""
    began = time.perf_counter()
    plain, shifted = system_answers("validate"), system_answers("validate", shifted=True)
    wide = plain if SESSIONS == (0,) else system_answers("validate", sessions=SESSIONS)
    write_csv("system", system_table(wide, plain, shifted))
    rule, score = winner(wide)
    found = np.isfinite(wide["z"]).all((0, 2))
    fitted = settings(rule, wide["z"], wide["truth"])
    write_constants(fitted, score, int(found.sum()))
    about = f"{rule}, the best of {len(CANDIDATES)} on validate, constants fitted on other people, unshifted"
    people = f"validate, {len(set(plain['person']))} people"
    for id, asked, split in (
        ("fusion.accuracy.validate", plain, people),
        ("fusion.accuracy_shift", shifted, f"{people}, shifted twin"),
    ):
        right, single = held_out_accuracy(rule, wide, asked)
        write_accuracy(id, right, single, asked["person"], about=about, split=split,
                       seconds=round(time.perf_counter() - began, 1))  # fmt: skip
    right, single = held_out_accuracy(rule, wide, wide)
    write_gain("shipped", right, single, wide["person"], about=about, split=people)
    p, truth = softmax(wide["z"][:, found], axis=-1), wide["truth"][found]
    errors = {
        "": (fusion_settings.apply(fitted, p), "the shipped fusion, on its own clips"),
        ".mean": (fusion.weighted_sum(p), "the plain mean of both branches"),
    }
    for end, (fused, what) in errors.items():
        note = f"expected calibration error, {BINS} bins, of {what}"
        put(f"fusion.calibration_error{end}", ece(fused, truth, bins=BINS), n=len(truth), split=people,
            seeds=(0,), note=note)  # fmt: skip
    print(f"fusion_system: {rule}, {fitted}, {score}")


def test_block() -> None:
    """Score the shipped system on the test block, all sessions. Nothing is fitted or chosen here."""
    asked = system_answers("test", sessions=(0, 1, 2))
    z, truth, person = asked["z"], asked["truth"], asked["person"]
    found = np.isfinite(z).all((0, 2))
    right = np.zeros(len(truth), bool)
    fused = fusion_settings.apply(fusion_settings.shipped_settings(), softmax(z[:, found], axis=-1))
    right[found] = fused.argmax(-1) == truth[found]
    single = np.nan_to_num(z, nan=-np.inf).argmax(-1) == truth
    about = f"the shipped system, {fusion_settings.shipped_settings().rule}"
    split = f"test, {len(set(person))} people in 3 sessions"
    single &= found
    write_accuracy("fusion.accuracy", right, single, person, about=about, split=split)
    write_gain("test", right, single, person, about=about, split=split)
    for name, hits in zip(BRANCHES, single, strict=True):
        put(f"fusion.accuracy.{name}", over_people(hits.astype(float), person), unit="accuracy", n=len(hits),
            seeds=(0,), split=split, note=f"clips; the shipped {name} branch alone")  # fmt: skip


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--test-block", action="store_true", help="score the shipped system, once, at the end"
    )
    given = parser.parse_args()
    test_block() if given.test_block else run()


if __name__ == "__main__":
    main()
