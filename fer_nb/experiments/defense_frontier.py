"""Does the transformation add to adversarial training? `python -m fer_nb.experiments.defense_frontier`.

Networks trained online at 1, 2, 4 and 8 /255, behind the transformation and without it, and the two that saw
no attack in training. Of each: clean accuracy on all clips, and accuracy under one fixed attack at 2, 4 and
8 /255 on one clip a person. The attack has 80 gradients of one side of the face a picture in both families:
20 steps of EOT over 4 draws, or 40 steps of PGD on both sides. It is weaker than the whole suite.

At equal clean accuracy the two families are compared by interpolation along their best networks; the
difference is averaged over the clean accuracies that both reach, people drawn anew for the interval. The
verdict is taken at the largest bound at which the best network of each family keeps a tenth; where none does,
there is little to compare. A network that fell to chance in training, within five points, is shown and left
out of the comparison: it gives one answer to everything, and no attack can change that.

Hypotheses, written down before the run. A first look at 24 clips had shown that little stands at 8/255; so
2/255 was added, and the rule for the verdict. That two networks had fallen to chance was seen before they
were compared.

A first comparison at 2/255 came out just above 0. With equal gradients an attack on a random network may be
the weaker one. So at the smallest bound both families are attacked once more with four times the gradients,
and the transformation counts as adding something only if the interval lies above 0 both times.

clean_falls       In both families, training at 8/255 has a lower clean accuracy than training at 1/255.
robust_rises      In both families, training at 8/255 keeps more under attack at 8/255 than training at 1/255.
nothing_added     The interval of the transformation's gain does not lie above 0.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from .. import results
from ..adaptive import eot
from ..attacks import launch, under_attack
from ..defense import DefendedModel
from ..evaluation import Interval, bootstrap
from ..expected import share_right
from ..gradient_attacks import pgd
from ..labels import LABELS
from . import _adaptive_lab as lab
from . import _attack_lab as attack_lab
from . import _defense_arms as arms
from ._quick import judge
from ._tables import write_table

UNTRAINED = {"online": "both", "online_alone": "none"}  # of each family, the arm that saw no attack
LEVELS = (2, 4, 8)  # bounds of the attack, in 1/255
EACH = 1  # clips a person under attack
DRAWS, STEPS, PLAIN_STEPS = 4, 20, 40
HARDER = 4  # times as many gradients
ASKED = {"clean": 4, "attacked": 10}  # evaluations of a random network
GRID = 21
TENTH = 0.10
CHANCE = 1 / len(LABELS) + 0.05  # clean accuracy of a network that fell to chance, at most
HYPOTHESES = ("clean_falls", "robust_rises", "nothing_added")
RECORDS = (
    "defense.online.transformation_gain", *(f"defense.online.transformation_gain.eps{k}" for k in LEVELS),
    "defense.online.transformation_gain.harder", "defense.online.transformation_adds",
    "defense.frontier.verdict_at", "defense.frontier.fallen",
    "defense.frontier.hypotheses_held",
    *(f"defense.frontier.{f}.train{k}.{what}" for f in UNTRAINED for k in (0, 1, 2, 4, 8)
      for what in ("clean", *(f"eps{b}" for b in LEVELS))),
)  # fmt: skip
TABLE = "defense.frontier.csv"
Family = dict[int, str]  # training epsilon in 1/255 -> arm


def families() -> dict[str, Family]:
    """Return the arms of both families by training epsilon, 0 for no attack in training."""
    return {name: {0: UNTRAINED[name], **arms.FRONTIER[name]} for name in UNTRAINED}


@dataclass(frozen=True)
class Point:
    """One network: shares of right answers, clean (N,), by bound (M,), and under the harder attack (M,)."""

    clean: np.ndarray
    attacked: dict[int, np.ndarray]
    harder: np.ndarray


def point(name: str, split: str) -> Point:
    """Measure one arm: clean, and under the fixed attack."""
    whole = attack_lab.victims(split)
    part, model = whole.some(EACH), lab.model_of(name)

    def clean() -> dict[str, np.ndarray]:
        return {"share": share_right(judge(model), whole.x, whole.y, draws=ASKED["clean"]).numpy()}

    def attacked(level: int, times: int = 1) -> dict[str, np.ndarray]:
        eps = level / 255
        twin = lab.cheap_twin(model)
        if isinstance(twin, DefendedModel):
            found = eot(twin, part.x, part.y, epsilon=eps, draws=times * DRAWS, steps=STEPS)
        else:
            attack = partial(pgd, epsilon=eps, steps=times * PLAIN_STEPS, step=0.1 / times)
            found = launch(attack, under_attack(twin), part.x, part.y, epsilon=eps, size=64)
        return {"share": share_right(judge(model), found.images, part.y, draws=ASKED["attacked"]).numpy()}

    end = f"{name}-{split}-frontier"
    left = {k: lab.kept(f"{end}-{k}-{len(part.faces)}", partial(attacked, k))["share"] for k in LEVELS}
    most = partial(attacked, min(LEVELS), HARDER)
    harder = lab.kept(f"{end}-{min(LEVELS)}-{len(part.faces)}-{HARDER}", most)["share"]
    made = Point(lab.kept(f"{end}-clean-{len(whole.faces)}", clean)["share"], left, harder)
    rows = {k: v.mean().round(3) for k, v in left.items()}
    print(name, made.clean.mean().round(3), rows, made.harder.mean().round(3), flush=True)
    return made


def best_at(clean: np.ndarray, robust: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return the most robustness to be had at clean accuracies `at`, along the best networks of a family.

    A network that another one beats in both is left out. Between the others a line is drawn, as mixing their
    answers at random would do. Below the lowest of them more clean accuracy is given up for nothing.

    Parameters
    ----------
    clean, robust : (K,) accuracies of the networks of one family
    at : (G,) clean accuracies, at most the largest of `clean`

    Examples
    --------
    >>> best_at(np.array([0.9, 0.5, 0.7]), np.array([0.0, 0.3, 0.4]), np.array([0.6, 0.7, 0.8])).round(2)
    array([0.4, 0.4, 0.2])
    """
    order = np.argsort(-clean, kind="stable")
    kept: list[int] = []
    for i in order:
        if not kept or robust[i] > robust[kept[-1]]:
            kept.append(int(i))
    front = kept[::-1]  # clean rises, robustness falls
    return np.interp(at, clean[front], robust[front])


def gain(with_it: np.ndarray, without: np.ndarray) -> float:
    """Return how much more the first family keeps at equal clean accuracy, in the mean over what both reach.

    Parameters
    ----------
    with_it, without : (K, 2) clean and attacked accuracy of each network

    Examples
    --------
    >>> line = np.array([[0.9, 0.0], [0.5, 0.4]])
    >>> round(gain(line + [0, 0.1], line), 3)
    0.1
    """
    high = min(with_it[:, 0].max(), without[:, 0].max())
    low = min(high, max(with_it[:, 0].min(), without[:, 0].min()))
    at = np.linspace(low, high, GRID)
    return float(
        (best_at(with_it[:, 0], with_it[:, 1], at) - best_at(without[:, 0], without[:, 1], at)).mean()
    )


def compared(
    points: dict[str, dict[int, Point]], who: attack_lab.Victims, of: Callable[[Point], np.ndarray]
) -> Interval:
    """Return the gain of the transformation, and its interval over people; `of` picks attacked shares."""
    names = sorted(set(who.people))
    all_of, part_of = (_rows(names, mine.people) for mine in (who, who.some(EACH)))

    def statistic(rows: np.ndarray) -> float:
        everyone = np.concatenate([all_of[i] for i in rows])
        attacked = np.concatenate([part_of[i] for i in rows])
        both = [
            np.array([(p.clean[everyone].mean(), of(p)[attacked].mean()) for p in family.values()])
            for family in points.values()
        ]
        return gain(*both)

    return bootstrap(statistic, names)


def at_bound(level: int) -> Callable[[Point], np.ndarray]:
    """Return what picks the shares at a bound."""
    return lambda point: point.attacked[level]


def standing(points: dict[str, dict[int, Point]]) -> dict[str, dict[int, Point]]:
    """Leave out networks that fell to chance."""
    return {
        name: {k: p for k, p in family.items() if p.clean.mean() > CHANCE} for name, family in points.items()
    }


def verdict_level(points: dict[str, dict[int, Point]]) -> int:
    """Return the largest bound at which the best network of each family keeps a tenth, or the smallest."""
    stands = [k for k in LEVELS if all(max(p.attacked[k].mean() for p in family.values()) >= TENTH
                                       for family in points.values())]  # fmt: skip
    return max(stands, default=min(LEVELS))


def _rows(names: Sequence[str], people: Sequence[str]) -> list[np.ndarray]:
    there = np.array(people)
    return [np.flatnonzero(there == name) for name in names]


def verdicts(points: dict[str, dict[int, Point]], gained: Interval) -> dict[str, bool]:
    """Say of each hypothesis whether it held."""
    each = list(points.values())
    return {
        "clean_falls": all(family[8].clean.mean() < family[1].clean.mean() for family in each),
        "robust_rises": all(f[8].attacked[8].mean() > f[1].attacked[8].mean() for f in each),
        "nothing_added": gained.low <= 0,
    }


def run(*, split: str = attack_lab.SPLIT, only: Sequence[str] = ()) -> list[results.Record]:
    """Measure every network, compare, write records and a table; with `only`, measure these arms and stop."""
    began = time.perf_counter()
    if only:
        for name in only:
            point(name, split)
        return []
    points = {
        name: {k: point(arm, split) for k, arm in family.items()} for name, family in families().items()
    }
    return report(points, attack_lab.victims(split), seconds=round(time.perf_counter() - began, 1))


def report(
    points: dict[str, dict[int, Point]], who: attack_lab.Victims, *, seconds: float
) -> list[results.Record]:
    """Write every record and the table."""
    common: dict[str, Any] = {"seconds": seconds}
    made: list[results.Record] = []
    part, rows = who.some(EACH), []

    def put(id: str, value: Interval | float, mine: attack_lab.Victims, **more: Any) -> None:
        made.append(attack_lab.record(id, value, mine, **{**common, **more}))

    for family, line in points.items():
        for k, one in line.items():
            id, note = (
                f"defense.frontier.{family}.train{k}",
                f"trained at {k}/255" if k else "no attack in training",
            )
            scores = {
                "clean": who.score(one.clean),
                **{f"eps{b}": part.score(one.attacked[b]) for b in LEVELS},
            }
            for what, score in scores.items():
                mine = who if what == "clean" else part
                put(f"{id}.{what}", score, mine, unit="accuracy", note=f"{note}; {_HOW[what == 'clean']}")
            row: dict[str, Any] = {"family": family, "train": k}
            for what, score in scores.items():
                row |= {what: score.value, f"{what}_low": score.low, f"{what}_high": score.high}
            rows.append(row)
    upright = standing(points)
    gained = {k: compared(upright, who, at_bound(k)) for k in LEVELS}
    harder = compared(upright, who, lambda point: point.harder)
    note, at = "accuracy under attack, with minus without it, at equal clean accuracy", verdict_level(upright)
    for end, k in (("", at), *((f".eps{k}", k) for k in LEVELS)):
        put(
            f"defense.online.transformation_gain{end}",
            gained[k],
            who,
            unit="accuracy",
            note=f"{note}; {k}/255",
        )
    put("defense.frontier.verdict_at", float(at), part, unit="1/255", note="the bound of the verdict")
    fallen = sum(len(points[f]) - len(upright[f]) for f in points)
    put("defense.frontier.fallen", float(fallen), who, unit="networks", note="clean accuracy at chance")
    put("defense.online.transformation_gain.harder", harder, who, unit="accuracy",
        note=f"{note}; {min(LEVELS)}/255, {HARDER} times the gradients")  # fmt: skip
    put("defense.online.transformation_adds", float(min(gained[at].low, harder.low) > 0), who,
        note=f"1: intervals of the gain at {at}/255 and of the harder attack lie above 0")  # fmt: skip
    held = verdicts(points, min(gained[at], harder, key=lambda interval: interval.low))
    made.append(attack_lab.hypotheses("defense.frontier.hypotheses_held", held, who.split, **common))
    write_table(rows, results.folder() / TABLE)
    return made


_HOW = {
    True: f"no attack, {ASKED['clean']} evaluations of a random network",
    False: f"EOT, {DRAWS} draws x {STEPS} steps, or PGD-{PLAIN_STEPS}; {ASKED['attacked']} fresh evaluations",
}


def main() -> None:
    """Read the command line, run, print the records."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--split", default=attack_lab.SPLIT, help="block whose clips are attacked")
    parser.add_argument("--only", nargs="*", default=(), help="arms to measure and keep, without records")
    given = parser.parse_args()
    for record in run(split=given.split, only=tuple(given.only)):
        print(f"{record.id}: {record.value:.4g} [{record.low}, {record.high}]")


if __name__ == "__main__":
    main()
