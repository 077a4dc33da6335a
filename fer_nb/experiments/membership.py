"""Can one tell who was in the training set? `python -m fer_nb.experiments.membership`.

Members are *fit* people, non-members people of whom no model has seen a picture, shadows learn from people
whom the attacker owns. A person is scored by seven apex stills. Game 1 asks about the very stills of the
training, game 2 about the same people in another session. Interval: members and non-members drawn anew.

Hypotheses, written down before the run:

overfitting_leaks      From the plain recognizer more than half of the members are found at 1 % false alarms.
restraint_helps        The regularised one leaks less: the intervals of both shares do not overlap.
sessions_leak_less     In another session of the members the area is smaller, for both recognizers.
people_are_learned     And yet, for the plain one, its interval is above 0.5.
generated_hides        Trained on generated faces, the area is below that of the regularised recognizer.
privacy_stops_it       With epsilon 8 for each person the interval of the area holds 0.5.
privacy_costs          Its recognizer loses at least 5 points against clipping without noise.
pictures_are_no_people Epsilon 8 for each picture leaks more than epsilon 8 for each person.
shadows_help           Without shadows fewer members of the plain recognizer are found at 1 %.
control_is_chance      Models that saw neither side do not tell them apart: the area is within 0.03 of 0.5.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import mime, results
from .._parallel import bar
from ..evaluation import Interval, bootstrap
from ..membership import compared, judged, roc
from ..private_training import person_epsilon
from . import _membership_lab as lab
from ._hypotheses import hypotheses
from ._membership_recipes import DELTA, GENERATED, STEPS, Recipe, private_plan
from ._tables import write_table

ROWS = ("plain", "regularised", "generated", "dp_inf", "dp8", "dp3", "dp1", "dp8_pictures")
GAMES = {"exact": "", "sessions": ".sessions"}  # and how their records end
VERDICTS = {
    "tpr_at_1pct": lambda curve: curve.found_at(0.01),
    "tpr_at_01pct": lambda curve: curve.found_at(0.001),
    "auc": lambda curve: curve.area,
    "attack_accuracy": lambda curve: curve.accuracy,
}
HYPOTHESES = (
    "overfitting_leaks", "restraint_helps", "sessions_leak_less", "people_are_learned", "generated_hides",
    "privacy_stops_it", "privacy_costs", "pictures_are_no_people", "shadows_help", "control_is_chance",
)  # fmt: skip
SPECIAL = ("plain.naive", "control", "control.sessions")  # without shadows; targets that saw neither side
DIFFERENCES = (  # between two attacks on the same people: verdict, first, second
    ("tpr_at_1pct", "plain", "plain.naive"),
    ("auc", "regularised", "generated"),
    ("auc", "dp8_pictures", "dp8"), ("tpr_at_1pct", "dp8_pictures", "dp8"),
    *(("auc", f"{row}.sessions", "control.sessions") for row in ("plain", "regularised")),
    *(("auc", row, "control") for row in ("generated", "dp8", "dp3", "dp1")),
    *(("tpr_at_1pct", row, "control") for row in ("regularised", "generated", "dp8", "dp3", "dp1")),
)  # fmt: skip
RECORDS = (
    *(f"membership.{verdict}.{row}{end}" for row in ROWS for end in GAMES.values() for verdict in VERDICTS),
    *(f"membership.{verdict}.{row}" for row in SPECIAL for verdict in VERDICTS),
    *(f"membership.{verdict}.{one}_minus_{other}" for verdict, one, other in DIFFERENCES),
    *(f"membership.recognition.{row}" for row in ROWS),
    *(f"membership.recognition_seen.{row}" for row in ROWS),
    *(f"membership.noise.dp{e}" for e in (8, 3, 1)), "membership.epsilon.dp8_pictures",
    "membership.hypotheses_held", *(f"membership.hypotheses_held.{name}" for name in HYPOTHESES),
)  # fmt: skip
CURVES = "membership.roc.csv"
FPR = np.unique(np.concatenate([np.geomspace(1e-3, 1, 61).round(4), np.linspace(0.05, 1, 20).round(2)]))
Asked = dict[str, list[dict[str, np.ndarray]]]
Found = dict[str, tuple[Interval, dict[str, Any]]]
SIZES = lab.Sizes()


def units(sizes: lab.Sizes) -> list[tuple[Recipe, str, int]]:
    """List the models to train, each once: recipe, role, number."""
    chosen = lab.available().values()
    return [
        *((recipe, "target", k) for recipe in chosen for k in range(sizes.targets)),
        *((recipe, "shadow", k) for recipe in chosen if recipe.like == recipe.name
          for k in range(recipe.shadows)),
    ]  # fmt: skip


def work(sizes: lab.Sizes) -> None:
    """Train all models; what was trained before is only read."""
    todo = units(sizes)
    if GENERATED not in lab.available():
        print(f"{GENERATED}: left out, the generator of chapter 09 has no weights yet", flush=True)
    with bar("membership", len(todo)) as step:
        for recipe, role, number in todo:
            began = time.process_time()
            lab.model_of(recipe, role, number, sizes)
            print(f"{recipe.name} {role} {number}: {time.process_time() - began:.1f} s", flush=True)
            step()


def gather(sizes: lab.Sizes) -> tuple[Asked, Asked]:
    """Ask all targets and all shadows about everybody, by recognizer."""
    chosen = lab.available()

    def ask(name: str, role: str, count: int) -> list[dict[str, np.ndarray]]:
        return [lab.answers(lab.model_of(chosen[name], role, k, sizes), sizes) for k in range(count)]

    targets = {name: ask(name, "target", sizes.targets) for name in chosen}
    own = {name: ask(name, "shadow", r.shadows) for name, r in chosen.items() if r.like == name}
    return targets, {name: own[r.like] for name, r in chosen.items()}


def games(targets: Asked, shadows: Asked, sizes: lab.Sizes) -> dict[str, lab.Scores]:
    """Return the scores of every row in both games, of the attack without shadows, and of the controls."""
    out = {
        f"{name}{end}": lab.scores(game, targets[name], shadows[name], sizes)
        for name in targets for game, end in GAMES.items()
    }  # fmt: skip
    out["plain.naive"] = lab.scores("exact", targets["plain"], [], sizes)
    half = len(shadows["plain"]) // 2  # one half of the shadows is attacked with the help of the other
    for game, end in GAMES.items():
        out[f"control{end}"] = lab.scores(game, shadows["plain"][:half], shadows["plain"][half:], sizes)
    return out


def differences(played: Mapping[str, lab.Scores], resamples: int) -> Found:
    """Compare attacks on the same people; a pair with a missing row is left out."""
    out: Found = {}
    for verdict, one, other in DIFFERENCES:
        if not {one, other} <= set(played):
            continue
        first, second = ((played[name].members, played[name].others) for name in (one, other))
        value = compared(VERDICTS[verdict], first, second, resamples=resamples)
        note = f"{one} minus {other}, judged on the same people; interval over people"
        about = {"n": len(first[0][0]) + len(first[1][0]), "note": note, "unit": "difference"}
        out[f"membership.{verdict}.{one}_minus_{other}"] = value, about
    return out


def recognition(asked: list[dict[str, np.ndarray]], side: str) -> tuple[Interval, list[float]]:
    """Return a recognizer's accuracy on stills of a side, over people and targets, and for each target."""
    hits = np.stack([answer[f"{side}_hit"].mean(1) for answer in asked])  # (T, P)
    people = hits.mean(0)
    found = bootstrap(lambda rows: float(people[rows].mean()), [None] * len(people))
    return found, hits.mean(1).tolist()


def verdicts(found: Mapping[str, Interval]) -> dict[str, bool]:
    """Say of each hypothesis whether it held; those about a missing row are left out."""

    def get(name: str) -> Interval:
        return found[f"membership.{name}"]

    held = {
        "overfitting_leaks": get("tpr_at_1pct.plain").value > 0.5,
        "restraint_helps": get("tpr_at_1pct.regularised").high < get("tpr_at_1pct.plain").low,
        "sessions_leak_less": all(
            get(f"auc.{row}.sessions").value < get(f"auc.{row}").value for row in ("plain", "regularised")
        ),
        "people_are_learned": get("auc.plain.sessions").low > 0.5,
        "privacy_stops_it": get("auc.dp8").low <= 0.5 <= get("auc.dp8").high,
        "privacy_costs": get("recognition.dp8").value <= get("recognition.dp_inf").value - 0.05,
        "pictures_are_no_people": get("auc.dp8_pictures").value > get("auc.dp8").high,
        "shadows_help": get("tpr_at_1pct.plain.naive").value < get("tpr_at_1pct.plain").value,
        "control_is_chance": abs(get("auc.control").value - 0.5) <= 0.03,
    }
    if "membership.auc.generated" in found:
        held["generated_hides"] = get("auc.generated").value < get("auc.regularised").value
    return {name: held[name] for name in HYPOTHESES if name in held}


def run(sizes: lab.Sizes = SIZES, *, resamples: int = 300) -> list[results.Record]:
    """Train what is missing, attack, and write records and curves."""
    began = time.perf_counter()
    work(sizes)
    targets, shadows = gather(sizes)
    played = games(targets, shadows, sizes)
    found: Found = {}
    for name, scores in played.items():
        for verdict, of in VERDICTS.items():
            value = judged(of, scores.members, scores.others, resamples=resamples)
            each = [of(roc(m, o)) for m, o in zip(scores.members, scores.others, strict=True)]
            found[f"membership.{verdict}.{name}"] = value, _about_attack(name, verdict, scores, each)
    found |= differences(played, resamples)
    for name, asked in targets.items():
        for what, side in (("recognition", "others"), ("recognition_seen", "exact")):
            value, each = recognition(asked, side)
            found[f"membership.{what}.{name}"] = value, _about_recognition(side, len(asked[0][side]), each)
    rows = [{"game": name, "fpr": f, "tpr": t}
            for name, s in played.items() for f, t in zip(FPR, s.curve(FPR), strict=True)]  # fmt: skip
    write_table(rows, results.folder() / CURVES)
    return _write(found, round(time.perf_counter() - began, 1))


def _about_attack(name: str, verdict: str, played: lab.Scores, each: list[float]) -> dict[str, Any]:
    members, others = len(played.members[0]), len(played.others[0])
    shadows = "no shadows" if name == "plain.naive" else "shadow models on people of the attacker"
    note = (
        f"{members} members and {others} non-members, seven stills a person; {shadows}; interval over people"
    )
    unit = {"auc": "area", "attack_accuracy": "share right, half members"}.get(verdict, "share of members")
    return {"n": members + others, "note": note, "unit": unit, "per_seed": tuple(each),
            "seeds": tuple(range(len(each)))}  # fmt: skip


def _about_recognition(side: str, people: int, each: list[float]) -> dict[str, Any]:
    whom = "people of no training" if side == "others" else "the people and stills of the training"
    return {"n": people, "note": f"people; small network at 32 pixels, on {whom}", "unit": "accuracy",
            "per_seed": tuple(each), "seeds": tuple(range(len(each)))}  # fmt: skip


def _write(found: Found, seconds: float) -> list[results.Record]:
    """Write all records, those of the accounting and of the hypotheses included."""
    common: dict[str, Any] = {
        "dataset": "mime", "data_version": mime.VERSION, "split": "fit against non-members",
        "seconds": seconds,
    }  # fmt: skip
    records = [
        results.record(id, v.value, low=v.low, high=v.high, **{**common, **more})
        for id, (v, more) in found.items()
    ]
    for epsilon in (8, 3, 1):
        noise = private_plan(epsilon, 0).noise
        note = f"in multiples of the bound, for delta {DELTA}, {STEPS} steps, everybody in each"
        records.append(results.record(f"membership.noise.dp{epsilon}", noise, note=note, **common))
    plan = private_plan(8, 0)
    spent = person_epsilon(plan.noise, pictures=7, delta=DELTA, rate=plan.rate, steps=plan.steps)
    note = "upper bound for a person with seven pictures, where epsilon is 8 for a picture"
    records.append(
        results.record("membership.epsilon.dp8_pictures", spent, unit="epsilon", note=note, **common)
    )
    held = verdicts({id: value for id, (value, _) in found.items()})
    note = "; ".join(f"{name} {'held' if yes else 'failed'}" for name, yes in held.items())
    records += hypotheses("membership", held, common, count={"note": note})
    for record in records:
        results.write(record)
    return records


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name, count in vars(SIZES).items():
        parser.add_argument(f"--{name}", type=int, default=count, help=f"how many (default: {count})")
    parser.add_argument("--train", action="store_true", help="train the models, and stop there")
    given = vars(parser.parse_args())
    only_train, sizes = given.pop("train"), lab.Sizes(**given)
    if only_train:
        work(sizes)
        return
    for made in run(sizes):
        print(f"{made.id}: {made.value:.4g} [{made.low}, {made.high}]")


if __name__ == "__main__":
    main()
