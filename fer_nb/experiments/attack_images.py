"""How little must change before the label flips? `python -m fer_nb.experiments.attack_images`.

Attacks the shipped, undefended spatial branch on the apex crops of a block (threat A0): noise as the control,
FGSM, PGD-40, APGD and Square at rising bounds, PGD with restarts and AutoAttack at one or two of them, and
attacks that look for the smallest change. Pictures are rounded to 8 bits and scored again.

Hypotheses, written down before the run:

noise_is_harmless   Noise of 8/255 costs less than 5 points, PGD of 8/255 leaves at most 5 %.
steps_beat_one      At every bound PGD leaves no more right answers than FGSM.
white_beats_black   At every bound PGD leaves no more right answers than Square.
auto_adds_little    AutoAttack leaves at most 3 points less than PGD, at 1/255 and at 8/255.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from .. import results, spatial
from ..attacks import Attack, Attackable, launch, under_attack
from ..evaluation import Interval
from ..image_attacks import bounded, minimal
from ..labels import LABELS
from . import _attack_lab as lab
from ._tables import write_table

LEVELS = (1, 2, 3, 4, 8, 16)
NOISE = (1, 2, 4, 8, 16, 32, 64)
STATED = (1, 2, 4, 8)
QUERIES, AUTO = 1000, 100  # queries of Square; steps of each part of AutoAttack
RESTARTS = 5  # of the PGD that begins anew, each time from another point within the bound
AGAIN = "PGD, restarts"
EACH = {"APGD": 2, "Square": 2, AGAIN: 2, "AutoAttack": 1, "l2": 2, "targeted": 2}  # clips a person
MINIMIZERS = {  # clips a person, steps
    ("DeepFool", "l2"): (2, 15), ("DeepFool", "linf"): (2, 15), ("Carlini-Wagner", "l2"): (1, 100),
    ("HopSkipJump", "l2"): (1, 5), ("Boundary", "l2"): (1, 500),
}  # fmt: skip
HYPOTHESES = ("noise_is_harmless", "steps_beat_one", "white_beats_black", "auto_adds_little")
RECORDS = (
    "attack.pgd_undefended", *(f"attack.pgd_undefended.eps{k}" for k in STATED[:-1]), "attack.clean",
    "attack.noise.eps8", "attack.fgsm.eps8", "attack.fgsm.eps1", "attack.square.eps8", "attack.square.eps2",
    "attack.pgd_restarts.eps1", "attack.pgd_restarts.over_pgd",
    "attack.autoattack.eps1", "attack.autoattack.eps8", "attack.autoattack.over_pgd",
    *(f"attack.pgd_l2.r{tag}" for tag in ("0_05", "0_1")),
    "attack.targeted.eps8", "attack.pgd_cost.gradients", "attack.square_cost.queries",
    "attack.deepfool.l2", "attack.deepfool.linf", "attack.carlini_wagner.l2", "attack.hopskipjump.l2",
    "attack.boundary.l2", "attack.hopskipjump.queries", "attack.carlini_wagner.gradients",
    "attack.images.hypotheses_held",
)  # fmt: skip
CURVES, SMALLEST = "attack.curves.csv", "attack.minimal.csv"
EFFORT = {"Square": f"-{QUERIES}", AGAIN: f"-{RESTARTS}", "AutoAttack": f"-{AUTO}"}  # in names of units
STRONGEST = {  # bounds with records of their own, in 1/255
    "noise": (8,), "FGSM": (1, 8), "Square": (2, 8), AGAIN: (1,), "AutoAttack": (1, 8),
}  # fmt: skip
HOW = {
    "Square": f"Square of at most {QUERIES} queries",
    AGAIN: f"PGD, 40 steps, {RESTARTS} restarts",
    "AutoAttack": f"AutoAttack, {AUTO} steps, 5000 queries of its Square",
}
Rungs = dict[str, tuple[lab.Victims, list[lab.Rung]]]


def curves(model: Attackable, who: lab.Victims) -> Rungs:
    """Attack at rising bounds; return the victims and the rungs of each attack."""
    plans: dict[str, tuple[tuple[int, ...], Callable[[float], Attack]]] = {
        "noise": (NOISE, lambda e: bounded("noise", e, restarts=1)),
        "FGSM": (LEVELS, lambda e: bounded("FGSM", e)),
        "PGD": (LEVELS, lambda e: bounded("PGD", e, steps=40)),
        AGAIN: ((1,), lambda e: bounded("PGD", e, steps=40, restarts=RESTARTS)),
        "APGD": (LEVELS, lambda e: bounded("APGD", e, steps=50)),
        "Square": (LEVELS, lambda e: bounded("Square", e, steps=QUERIES)),
        "AutoAttack": ((1, 8), lambda e: bounded("AutoAttack", e, steps=AUTO)),
    }
    out: Rungs = {}
    for name, (levels, make) in plans.items():
        mine = who.some(EACH[name]) if name in EACH else who
        carry = name not in ("noise", "FGSM")
        unit = f"{who.split}-{name}" + EFFORT.get(name, "")
        out[name] = mine, lab.climb(unit, make, model, mine.x, mine.y, levels, carry=carry)
        print(name, [f"{rung.level}: {rung.right.mean():.3f}" for rung in out[name][1]], flush=True)
    return out


def l2_curve(model: Attackable, who: lab.Victims) -> list[lab.Rung]:
    """Attack with PGD at rising l2 bounds, in units of the picture's range."""
    levels = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5)
    return lab.climb(
        f"{who.split}-PGD", lambda e: bounded("PGD", e, norm="l2", steps=40), model, who.x, who.y, levels,
        scale=1.0, norm="l2",
    )  # fmt: skip


def smallest(model: Attackable, who: lab.Victims) -> list[dict[str, Any]]:
    """Look for the smallest change of each picture; return a row for each attack."""
    rows = []
    for (name, norm), (each, steps) in MINIMIZERS.items():
        mine = who.some(each)

        def work(
            name: str = name, norm: str = norm, steps: int = steps, mine: lab.Victims = mine
        ) -> dict[str, np.ndarray]:
            with torch.no_grad():
                right = model(mine.x).argmax(1) == mine.y
            found = launch(
                minimal(name, norm=norm, steps=steps), model, mine.x[right], mine.y[right], norm=norm
            )
            size = found.l2 if norm == "l2" else found.levels
            fooled = found.logits.argmax(1) != mine.y[right]
            cost = np.array([found.queries, found.gradients])
            return {"size": size.numpy(), "fooled": fooled.numpy(), "cost": cost}

        unit = lab.kept(f"{who.split}-{name}-{norm}-{steps}-{len(mine.x)}", work)
        size = unit["size"][unit["fooled"]]
        rows.append({
            "attack": name, "norm": norm, "n": len(unit["size"]), "fooled": float(unit["fooled"].mean()),
            "median": float(np.median(size)) if size.size else np.nan,
            "queries": float(unit["cost"][0]), "gradients": float(unit["cost"][1]),
        })  # fmt: skip
        print(rows[-1], flush=True)
    return rows


def targeted(model: Attackable, who: lab.Victims, *, level: float = 8) -> Interval:
    """Share of clips, other than neutral, that PGD makes the network read as neutral."""
    y = who.y
    rows = np.flatnonzero((y != LABELS.index("neutral")).numpy())

    def work() -> dict[str, np.ndarray]:
        goal = torch.zeros(len(rows), dtype=torch.long)
        attack = bounded("PGD", level / 255, steps=40, target=0)
        found = launch(attack, model, who.x[rows], y[rows], epsilon=level / 255)
        return {"hit": (found.logits.argmax(1) == goal).numpy()}

    hit = lab.kept(f"{who.split}-targeted-{level:g}-{len(rows)}", work)["hit"]
    mine = lab.Victims(who.split, tuple(who.clips[i] for i in rows), tuple(who.faces[i] for i in rows))
    return mine.score(hit)


def verdicts(rungs: Mapping[str, tuple[lab.Victims, list[lab.Rung]]], clean: float) -> dict[str, bool]:
    """Say of each hypothesis whether it held; attacks on parts are compared on those parts."""
    left = {name: {r.level: r.right for r in found} for name, (_, found) in rungs.items()}
    rows = {name: _rows_of(rungs["PGD"][0], mine) for name, (mine, _) in rungs.items()}

    def pgd_on(name: str, level: float) -> float:
        return float(left["PGD"][level][rows[name]].mean())

    square, auto = left["Square"], left["AutoAttack"]
    return {
        "noise_is_harmless": clean - left["noise"][8].mean() < 0.05 and left["PGD"][8].mean() <= 0.05,
        "steps_beat_one": all(left["PGD"][k].mean() <= left["FGSM"][k].mean() for k in LEVELS),
        "white_beats_black": all(pgd_on("Square", k) <= square[k].mean() for k in LEVELS),
        "auto_adds_little": all(pgd_on("AutoAttack", k) - auto[k].mean() <= 0.03 for k in (1, 8)),
    }


def _id(name: str) -> str:
    """Return an attack's name as part of a record's id."""
    return name.lower().replace(", ", "_")


def _rows_of(whole: lab.Victims, part: lab.Victims) -> np.ndarray:
    """Return where the clips of a part stand in the whole."""
    at = {clip.source: row for row, clip in enumerate(whole.clips)}
    return np.array([at[clip.source] for clip in part.clips])


def run(*, split: str = lab.SPLIT, people: int | None = None) -> list[results.Record]:
    """Attack, then write records and tables."""
    began = time.perf_counter()
    who, model = lab.victims(split, people), under_attack(spatial.load())
    with torch.no_grad():
        clean = (model(who.x).argmax(1) == who.y).numpy()
    rungs = curves(model, who)
    l2, small = l2_curve(model, who.some(EACH["l2"])), smallest(model, who)
    aim = targeted(model, who.some(EACH["targeted"]))
    return report(who, clean, rungs, l2, small, aim, seconds=round(time.perf_counter() - began, 1))


def report(
    who: lab.Victims,
    clean: np.ndarray,
    rungs: Rungs,
    l2: list[lab.Rung],
    small: list[dict[str, Any]],
    aim: Interval,
    *,
    seconds: float,
) -> list[results.Record]:
    """Write every record and both tables."""
    common: dict[str, Any] = {"seconds": seconds}
    made: list[results.Record] = []

    def put(id: str, value: Interval | float, mine: lab.Victims | None = who, **more: Any) -> None:
        made.append(lab.record(id, value, mine, **{**common, **more}))

    def left(name: str, level: float) -> Interval:
        mine, found = rungs[name]
        return mine.score(next(r.right for r in found if r.level == level))

    accuracy: dict[str, Any] = {"unit": "accuracy"}
    for k in STATED:
        more: dict[str, Any] = {"direction": "down", "target": 0.05} if k == 8 else {}
        note = f"PGD, 40 steps of a tenth of the bound, {k}/255, rounded to 8 bits; spatial branch"
        put("attack.pgd_undefended" + f".eps{k}" * (k != 8), left("PGD", k), note=note, **accuracy, **more)
    put("attack.clean", who.score(clean), **accuracy, note="spatial branch, no attack")
    for name, levels in STRONGEST.items():
        for k in levels:
            mine, note = rungs[name][0], f"{HOW.get(name, name)}, {k}/255, rounded to 8 bits; spatial branch"
            put(f"attack.{_id(name)}.eps{k}", left(name, k), mine, note=note, **accuracy)
    for name in (AGAIN, "AutoAttack"):
        mine, found = rungs[name]
        beyond = rungs["PGD"][1][0].right[_rows_of(who, mine)].astype(float) - found[0].right
        put(f"attack.{_id(name)}.over_pgd", mine.score(beyond), mine, unit="accuracy",
            note=f"what {HOW[name]}, takes beyond PGD-40 on the same clips, 1/255")  # fmt: skip
    part = who.some(EACH["l2"])
    for rung in l2[:2]:
        note = f"PGD-40, a change of l2 length {rung.level:g} at most, rounded to 8 bits; spatial branch"
        put(f"attack.pgd_l2.r{rung.level:g}".replace("0.", "0_"), part.score(rung.right), part, note=note,
            **accuracy)  # fmt: skip
    aimed = sum(face.label != "neutral" for face in who.some(EACH["targeted"]).faces)
    put("attack.targeted.eps8", aim, None, split=who.split, unit="share", n=aimed,
        note="clips other than neutral that PGD-40, 8/255, makes the branch read as neutral")  # fmt: skip
    first = rungs["PGD"][1][0], rungs["Square"][1][0]
    put("attack.pgd_cost.gradients", first[0].gradients, unit="gradients", note="a picture, PGD-40, 1/255")
    put("attack.square_cost.queries", first[1].queries, rungs["Square"][0], unit="queries",
        note=f"a picture, on average, Square of at most {QUERIES} queries, 1/255")  # fmt: skip
    for row in small:
        id, n = f"attack.{row['attack'].lower().replace('-', '_')}.{row['norm']}", row["n"]
        unit = "l2" if row["norm"] == "l2" else "1/255"
        steps = MINIMIZERS[row["attack"], row["norm"]][1]
        note = (
            f"{steps} steps; median smallest change that flips the label, after rounding; "
            f"{row['fooled']:.0%} flipped"
        )
        put(id, row["median"], None, n=n, split=who.split, unit=unit, note=note)
        if row["attack"] in ("HopSkipJump", "Carlini-Wagner"):
            what = "queries" if row["attack"] == "HopSkipJump" else "gradients"
            put(f"{id.rpartition('.')[0]}.{what}", row[what], None, n=n, split=who.split, unit=what,
                note="for each picture")  # fmt: skip
    held = verdicts(rungs, float(clean.mean()))
    made.append(lab.hypotheses("attack.images.hypotheses_held", held, who.split, **common))
    table = [
        {"attack": name, "level": 0, **vars(mine.score(clean[_rows_of(who, mine)])), "largest": 0.0,
         "queries": 0.0, "gradients": 0.0, "n": len(mine)} for name, (mine, _) in rungs.items()
    ]  # fmt: skip
    for name, (mine, found) in rungs.items():
        for r in found:
            table.append({"attack": name, "level": r.level, **vars(mine.score(r.right)), "largest": r.largest,
                          "queries": r.queries, "gradients": r.gradients, "n": len(mine)})  # fmt: skip
    write_table(table, results.folder() / CURVES)
    write_table(small, results.folder() / SMALLEST)
    return made


if __name__ == "__main__":
    lab.command_line(run, __doc__)
