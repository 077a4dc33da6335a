"""Records of the reconstruction experiment: what is written of its scores, and when a row is void."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from .. import mime, results
from ..evaluation import Interval, bootstrap
from . import _reconstruction_units as units
from ._reconstruction_lab import World
from ._reconstruction_other import RELEASES
from ._reconstruction_scores import SEEDS, WAYS, Scores
from ._reconstruction_settings import ALONE, RECOMMENDED

CHANGED = (*ALONE, RECOMMENDED)


class Book:
    """Writes records and keeps them."""

    def __init__(self, who: World, seconds: float, seeds: Sequence[int] = SEEDS) -> None:
        self.made: list[results.Record] = []
        self.common: dict[str, Any] = {
            "dataset": "mime", "data_version": mime.VERSION, "split": who.split, "n": len(who.victims),
            "seconds": round(seconds, 1), "seeds": tuple(seeds),
        }  # fmt: skip
        self.people = who.people

    def put(self, id: str, value: Interval | float, **about: Any) -> None:
        """Write one record; `n` counts stills unless it is given."""
        ends = {"low": value.low, "high": value.high} if isinstance(value, Interval) else {}
        number = value.value if isinstance(value, Interval) else float(value)
        record = results.record(f"reconstruct.{id}", number, **{**self.common, **ends, **about})
        results.write(record)
        self.made.append(record)

    def ratio(self, id: str, scores: Scores, name: str, side: int, **about: Any) -> None:
        """Write a ratio where the plain attack allows it; else remove the record: the row is void."""
        if scores.verdict(side).allowed:
            note = "share of the similarity above the conditional floor that is taken away"
            self.put(id, scores.ratio(name, side), note=note, **about)
        else:
            (results.folder() / f"reconstruct.{id}.json").unlink(missing_ok=True)


def aims(direction: str, target: float) -> dict[str, Any]:
    """Return the fields of a target."""
    return {"direction": direction, "target": target}


def aimless(direction: str, target: float) -> dict[str, Any]:
    """Return the fields of a record that has no target."""
    return {}


def figures(name: str, side: int) -> dict[str, Callable[[Scores], Interval]]:
    """Return what is asked of a setting: by the beginning of a record's id, a function of the scores."""
    return {
        "identity": lambda s: s.identity(name, side=side),
        "identity_probe": lambda s: s.identity(name, ("probe",), side),
        "expression_cost": lambda s: s.cost(name, side),
        "au_cost": lambda s: s.unit_cost(name, side),
    }


def write_side(book: Book, scores: Scores, side: int, names: Sequence[str]) -> None:
    """Write what is known of some settings at one size of picture."""
    end = "" if side == 32 else ".px64"
    seeds = {} if side == 32 else {"seeds": (0,)}
    clips = {"n": int((scores.who.victims.apex & scores.who.probes).sum()), "unit": "times chance", **seeds}

    def each(name: str, of: Callable[[Scores], Interval]) -> dict[str, Any]:
        return {"per_seed": scores.each(name, of)} if side == 32 else {}

    for name in names:
        best, way = name == RECOMMENDED, scores.clips(name, WAYS, side)[1]
        about: dict[str, dict[str, Any]] = {
            "identity": {**clips, "note": f"probe clips recognized from decoded pictures, {way} attacker"},
            "identity_probe": {**clips, "note": "linear discriminants on the released code"},
            "expression_cost": {"unit": "points", **seeds, "n": int(scores.who.victims.apex.sum())},
            "au_cost": {"unit": "R2", **seeds},
        }
        targets = {"identity": 3, "expression_cost": 2, "au_cost": 0.1}
        found = {what: (of(scores), each(name, of)) for what, of in figures(name, side).items()}
        for tail in [f".{name}"] * (side == 32) + [""] * best:
            goal = aims if not tail else aimless
            alone = each(name, partial(Scores.ratio, name=name, side=side))
            book.ratio(f"ssim_gain{tail}{end}", scores, name, side, **goal("up", 0.5), **seeds, **alone)
            for what, (value, by_seed) in found.items():
                aim = goal("down", targets[what]) if what in targets else {}
                book.put(f"{what}{tail}{end}", value, **about[what], **by_seed, **aim)
        if side == 32:
            note = "inside the oval, window 11, medium decoder"
            _write_mean(book, scores, "ssim", name, unit="SSIM", note=note)
            note = "decoded picture and original, by our identity measure"
            _write_mean(book, scores, "distance", name, unit="1 - cosine", note=note)
    verdict = scores.verdict(side)
    book.put(f"ratio_allowed{end}", float(verdict.allowed), unit="yes or no", note=verdict.reason, **seeds)
    for name in ("plain", "floor"):
        if side == 32:
            _write_mean(book, scores, "ssim", name, unit="SSIM")
        else:
            value = scores.over_people(scores.stills(name, "ssim", side))
            book.put(f"ssim.{name}.px64", value, unit="SSIM", **seeds)
    for keys, what in ((WAYS, "identity"), (("probe",), "identity_probe")):
        alone = each("plain", partial(Scores.identity, name="plain", keys=keys, side=side))
        book.put(f"{what}.plain{end}", scores.identity("plain", keys, side), **clips, **alone)


def _write_mean(book: Book, scores: Scores, what: str, name: str, **about: Any) -> None:
    """Write the mean of what is measured of each still at 32 pixels, and that of each seed."""

    def mean(some: Scores) -> Interval:
        return some.over_people(some.stills(name, what))

    book.put(f"{what}.{name}", mean(scores), per_seed=scores.each(name, mean), **about)


def write_base(book: Book, scores: Scores) -> None:
    """Write the plain recognizer's use, and the ends of the identity scale."""
    who = scores.who.victims
    people = [p for p, apex in zip(scores.person, who.apex, strict=True) if apex]
    right = scores.right("plain")
    accuracy = bootstrap(lambda rows: float(right[rows].mean()), people)
    alone = tuple(float(scores.only(seed).right("plain").mean()) for seed in book.common["seeds"])
    book.put("accuracy.plain", accuracy, unit="accuracy", n=len(right), note="apex stills of 32 pixels",
             per_seed=alone)  # fmt: skip
    explained = bootstrap(scores.explained("plain"), scores.person, resamples=300)
    book.put("au_r2.plain", explained, unit="R2", note=f"linear probe on the code, {units.MOVING} units")
    for name in ("plain", "floor"):
        _write_mean(book, scores, "distance", name, unit="1 - cosine")
    clips = {"unit": "times chance", "n": int((who.apex & scores.who.probes).sum())}
    book.put("identity.floor", scores.identity("floor"), **clips,
             per_seed=scores.each("floor", lambda s: s.identity("floor")))  # fmt: skip
    top = scores.done["originals-32"]
    best = max(WAYS, key=lambda way: top[way].mean())
    book.put("identity.originals", scores.times_chance(top[best], top["probe_person"]), **clips, seeds=(0,),
             note=f"{top[best].mean():.3f} of the clips; chance is 1 in {book.people}")  # fmt: skip


def write_others(book: Book, scores: Scores) -> None:
    """Write sizes of decoders, the shipped branch, inversion, and training people called by name."""
    once: dict[str, Any] = {"seeds": (0,), "unit": "SSIM"}
    for name in ("plain", RECOMMENDED):
        for size in ("small", "large"):
            values = scores.done[f"{name}-32-0-{size}"][f"ssim.{size}"]
            book.put(f"ssim.{name}.{size}", scores.over_people(values), **once)
        hits = scores.done[f"{name}-named"]
        times = _mean(len(hits["hits"]) * hits["hits"], [None] * len(hits["hits"]))
        book.put(f"by_name.{name}", times, seeds=(0,), n=len(hits["hits"]), unit="times chance", split="fit",
                 note=f"training people called up; the head fits {float(hits['fitted']):.3f}")  # fmt: skip
    for name in ("shipped", *RELEASES):
        mine = scores.done[name]
        book.put(f"ssim.{name}", scores.over_people(mine["ssim"]), **once)
        clips = {"seeds": (0,), "unit": "times chance", "n": len(mine["probe"])}
        best = "naive" if mine["naive"].mean() > mine["parrot"].mean() else "parrot"
        for key, what in ((best, "identity"), ("probe", "identity_probe")):
            book.put(f"{what}.{name}", scores.times_chance(mine[key], mine["probe_person"]), **clips)
    some = scores.done["plain-inverted"]
    hard = scores.done[f"{RECOMMENDED}-inverted"]
    decoder = scores.of("plain")[0]["ssim.medium"][some["rows"]]
    who = [str(p) for p in some["person"]]
    rows = {"plain": some["ssim"], "decoder": decoder, RECOMMENDED: hard["ssim"],
            "mean_face": some["mean_face"], "prior": some["best"]}  # fmt: skip
    for name, values in rows.items():
        book.put(f"inversion.{name}", _mean(values, who), n=len(values), **once)


def _mean(values: np.ndarray, people: Sequence[str | None]) -> Interval:
    return bootstrap(lambda rows: float(values[rows].mean()), people)
