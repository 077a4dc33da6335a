"""Whose faces did the generator learn? `python -m fer_nb.experiments.membership_generator`.

The attacker holds the anonymizer of chapter 09 and asks of a person: is this one of the donors? She draws
every donor once in each expression and compares with seven stills of the person, by an eye that she trained
on people of her own. What a drawing has in common with everybody is taken off, as shadow models do it for
recognizers.

Members are the donors, in the session that the generator learned from and in another one. The controls ask
about *fit* people who are no donors, in the same two sessions. Interval: members and non-members drawn anew.

Hypotheses, written down before the run:

donors_are_found     More than half of the donors are found at 1 % false alarms.
in_another_session   So are they by stills of another session.
strangers_are_not    The interval of the control's area holds 0.5.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import anonymize, mime, results
from ..anonymize_nets import CODE
from ..apex_stills import Stills, stills
from ..evaluation import Interval
from ..identity import PARTS, Discriminants, edges
from ..labels import LABELS
from ..membership import judged, roc
from ._hypotheses import hypotheses

OWNED, OTHERS = 150, 5000  # people of the attacker, in two sessions; people who are asked about and no donors
VERDICTS = {
    "tpr_at_1pct": (lambda curve: curve.found_at(0.01), "share of members"),
    "tpr_at_01pct": (lambda curve: curve.found_at(0.001), "share of members"),
    "auc": (lambda curve: curve.area, "area"),
}
GAMES = ("generator", "generator.sessions", "generator.control", "generator.control.sessions")
HYPOTHESES = ("donors_are_found", "in_another_session", "strangers_are_not")
RECORDS = (
    *(f"membership.{verdict}.{game}" for game in GAMES for verdict in VERDICTS),
    "membership.generator.hypotheses_held",
    *(f"membership.generator.hypotheses_held.{name}" for name in HYPOTHESES),
)


def drawings(models: anonymize.Models, units: np.ndarray) -> np.ndarray:
    """Draw every donor once in each expression, (D, 7, 64, 64) uint8, from units (7, 22) and a still head."""
    codes = np.zeros((len(LABELS), CODE), np.float32)
    codes[:, : units.shape[1]] = units
    return np.stack([anonymize.draw(codes, donor, models) for donor in range(models.donors)])


def eye(sessions: list[Stills]) -> Discriminants:
    """Learn to tell people apart, whatever they express, from stills of the same people in each session."""
    features = np.concatenate([edges(s.crops)[s.found] for s in sessions])
    person = np.concatenate([np.repeat(np.arange(len(s)), s.found.sum(1)) for s in sessions])
    return Discriminants(features, person, parts=PARTS["edges"])


def likeness(who: Stills, look: Discriminants, drawn: np.ndarray) -> np.ndarray:
    """Return how alike P people and D donors are, (P, D): the mean cosine over the seven expressions.

    Parameters
    ----------
    who : Stills; pictures without a face take no part
    look : the attacker's eye
    drawn : (D, 7, E) array, what the eye makes of the drawings
    """
    out = np.empty((len(who), len(drawn)), np.float32)
    for rows in np.array_split(np.arange(len(who)), max(1, len(who) // 100)):
        seen = who.found[rows]  # (R, 7)
        made = look.embed(edges(who.crops[rows]).reshape(seen.size, -1)).reshape(*seen.shape, -1)  # (R, 7, E)
        alike = np.einsum("pke,dke->pdk", made, drawn)
        out[rows] = (alike * seen[:, None]).sum(2) / np.maximum(seen.sum(1), 1)[:, None]
    return out


def scores(alike: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Score people (P,) by their best donor, where each donor is measured against the attacker's own people.

    Parameters
    ----------
    alike : (P, D) array, of those who are asked about
    own : (Q, D) array, of the attacker's people, of whom she knows that they are no donors

    Examples
    --------
    >>> own = np.array([[0.0, 0.8], [0.2, 1.0]])  # the second donor looks like everybody
    >>> scores(np.array([[0.6, 0.9], [0.1, 0.9]]), own).round(6).tolist()
    [5.0, 0.0]
    """
    return ((alike - own.mean(0)) / own.std(0).clip(1e-9)).max(1)


def verdicts(found: Mapping[str, Interval]) -> dict[str, bool]:
    """Say of each hypothesis whether it held."""
    control = found["membership.auc.generator.control"]
    return {
        "donors_are_found": found["membership.tpr_at_1pct.generator"].value > 0.5,
        "in_another_session": found["membership.tpr_at_1pct.generator.sessions"].value > 0.5,
        "strangers_are_not": control.low <= 0.5 <= control.high,
    }


def run(*, owned: int = OWNED, others: int = OTHERS, resamples: int = 300) -> list[results.Record]:
    """Attack the shipped generator and write the records."""
    began = time.perf_counter()
    models = anonymize.load()
    mine = [stills("attacker", people=owned, session=session) for session in (0, 1)]
    look, drawn = eye(mine), drawings(models, mine[0].units.mean(0))
    shown = look.embed(edges(drawn).reshape(drawn[..., 0, 0].size, -1)).reshape(*drawn.shape[:2], -1)
    own = likeness(mine[0], look, shown)
    donors = np.arange(models.donors)
    block = [stills("fit", people=2 * models.donors, session=s) for s in (0, 1)]  # donors are the first half
    rows = (donors, donors + models.donors)
    sides = dict(zip(GAMES, [take.some(part) for part in rows for take in block], strict=True))
    outside = scores(likeness(stills("non-members", people=others), look, shown), own)
    inside = {game: scores(likeness(who, look, shown), own) for game, who in sides.items()}
    common: dict[str, Any] = {"dataset": "mime", "data_version": mime.VERSION, "seeds": (0,),
                              "split": "fit against non-members"}  # fmt: skip
    found, made = {}, []
    for game, members in inside.items():
        whom = "fit people who are no donors" if "control" in game else "donors"
        note = (
            f"{len(members)} {whom} and {others} non-members, seven stills a person; "
            "likeness to drawings of the donors; interval over people"
        )
        for verdict, (of, unit) in VERDICTS.items():
            id = f"membership.{verdict}.{game}"
            value = found[id] = judged(of, [members], [outside], resamples=resamples)
            about = {**common, "n": len(members) + others, "unit": unit, "note": note,
                     "per_seed": (of(roc(members, outside)),)}  # fmt: skip
            made.append(results.record(id, value.value, low=value.low, high=value.high, **about))
    made += hypotheses("membership.generator", verdicts(found), common)
    for record in made:
        results.write(record)
    print(f"membership_generator: {time.perf_counter() - began:.0f} s")
    return made


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--others", type=int, default=OTHERS, help="non-members to ask about")
    for made in run(others=parser.parse_args().others):
        print(f"{made.id}: {made.value:.4g} [{made.low}, {made.high}]")


if __name__ == "__main__":
    main()
