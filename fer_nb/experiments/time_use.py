"""Does the temporal branch use time, and what does it stand? `python -m fer_nb.experiments.time_use`.

A GRU is trained *and* tested on ordered clips, on shuffled frames, on reversed clips, and on the quietest
frame followed by the apex. What order is worth is the difference between such networks. Shuffling only at
test time measures something else: how a network fares on clips of a kind that it has never met. Both are done
for the seven classes and for the two pairs of `mime.timing`, three seeds each. Then the ordered network, and
one trained by the shipped recipe, meet lost frames, jitter, short clips and low frame rates.

Hypotheses, written down before the run, on *validate* (detected landmarks, mean of the seeds):

- T1: on seven classes, order is worth less than 3 points (ordered minus retrained shuffled).
- T2: on seven classes, two frames lose at most 5 points against ordered clips.
- T3: on seven classes, networks on reversed clips are within 2 points of those on ordered ones.
- T4: on seven classes, shuffling at test time only costs at least twice what retrained shuffling costs, and
  more than 3 points.
- T5: on the timing pairs, ordered clips are told apart in at least 90 %, and retrained shuffling is at
  chance: its interval holds 0.5.
- T6: on the timing pairs, two frames are at chance as well.
- T7: the ordered network, shown reversed clips, gets less than 20 % of the onset pair right: it reads each as
  its twin; of the rhythm pair it still gets at least 80 %, for rhythm has no direction.
- T8: with the face lost in half of the frames, both networks lose less than 5 points.
- T9: under jitter of 0.01 of the eye distance, the network of the shipped recipe loses less than the other.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from torch import nn

from .. import mime, results
from ..evaluation import Interval
from ..mime import timing
from ..preprocess import FaceSequence
from ..time_views import VIEWS, Track, drop_frames, jitter, shorten, thin, track
from . import _temporal_lab as lab
from ._tables import write_table

TESTS = {"validate": "", "validate-shift": ".shift"}
PAIRS = [[timing.KINDS.index(kind) for kind in pair] for pair in timing.PAIRS.values()]
OTHERS = VIEWS[1:]
HARM = {
    "lost": (drop_frames, (0.0, 0.2, 0.4, 0.5, 0.6, 0.8)),
    "jitter": (jitter, (0.0, 0.005, 0.01, 0.02, 0.04)),
    "length": (shorten, (1.0, 0.8, 0.6, 0.5, 0.4, 0.2)),
    "rate": (thin, (1, 2, 3, 4, 6)),
}
STATED = {"lost": 0.5, "jitter": 0.01, "length": 0.5, "rate": 3}  # levels that have a record
NETWORKS = ("whole", "recipe")
HELD = "temporal.time_use.hypotheses_held"
Key = tuple[str, str, str, str]  # task, test, view trained on, view tested on
Hits = dict[Key, np.ndarray]  # (S, N), 1.0 where right


def suffix(view: str) -> str:
    """Return the end of a record's name: what is compared with ordered clips; shuffled is the plain name."""
    return "" if view == "shuffled" else f".{view}"


RECORDS = (
    *(f"temporal.time_use{suffix(v)}{end}" for v in OTHERS for end in TESTS.values()),
    *(f"temporal.time_use.test_only{suffix(v)}" for v in OTHERS),
    *(f"temporal.time_use.pairs{suffix(v)}{end}" for v in OTHERS for end in TESTS.values()),
    *(f"temporal.time_use.pairs.test_only{suffix(v)}" for v in OTHERS),
    *(f"temporal.time_accuracy.{v}{end}" for v in VIEWS for end in TESTS.values()),
    *(f"temporal.pairs_accuracy.{v}{end}" for v in VIEWS for end in TESTS.values()),
    *(f"temporal.pairs_accuracy.{pair}.{v}" for pair in timing.PAIRS for v in (*VIEWS, "test_reversed")),
    *(f"temporal.robust.{what}.{network}" for what in HARM for network in NETWORKS),
    HELD,
)


def ask(seeds: tuple[int, ...]) -> tuple[Hits, list[dict[str, Any]], dict[str, list[str]]]:
    """Train on every view and ask on the same view; ask the ordered networks on all views.

    Returns
    -------
    hits, answers as rows of a table, and the people behind the clips of each task
    """
    hits: dict[Key, list[np.ndarray]] = {}
    table: list[dict[str, Any]] = []
    people: dict[str, list[str]] = {}
    for task in ("seven", "pairs"):
        data = lab.seven() if task == "seven" else lab.pairs()
        truth, people[task] = lab.truth_of() if task == "seven" else lab.truth_of_pairs()
        among = None if task == "seven" else PAIRS
        for seen in VIEWS:
            for seed in seeds:
                net = lab.trained("gru" if task == "seven" else "pairs", "gru", data, seed, view=seen)
                for test in TESTS:
                    for shown in VIEWS if seen == "ordered" else (seen,):
                        p = lab.said(net, data.tests[test], view=shown, seed=seed)
                        hits.setdefault((task, test, seen, shown), []).append(lab.right(p, truth, among))
                        table += lab.answer_rows(
                            p,
                            truth,
                            people[task],
                            task=task,
                            trained=seen,
                            tested=shown,
                            seed=seed,
                            test=test,
                        )
    return {key: np.stack(value) for key, value in hits.items()}, table, people


def compare(hits: Hits, people: dict[str, list[str]]) -> dict[str, tuple[Interval, dict[str, Any]]]:
    """Return the record of every difference and accuracy: its interval, and fields of its own."""
    out: dict[str, tuple[Interval, dict[str, Any]]] = {}
    for task, name, plain in (
        ("seven", "temporal.time_use", "temporal.time_accuracy"),
        ("pairs", "temporal.time_use.pairs", "temporal.pairs_accuracy"),
    ):
        who, base = people[task], {"n": len(people[task])}
        for test, end in TESTS.items():
            ordered = hits[task, test, "ordered", "ordered"]
            for view in VIEWS:
                again = hits[task, test, view, view]
                score = lab.mean_right(again, who)
                fields = {"unit": "accuracy", "per_seed": tuple(again.mean(1)), **base}
                note = f"trained and tested on {view} clips; {test}"
                out[f"{plain}.{view}{end}"] = (score, {**fields, "note": note})
                if view != "ordered":
                    note = f"ordered minus {view}, both trained and tested so, paired; {test}"
                    each = tuple(100 * (ordered.mean(1) - again.mean(1)))
                    points = {"unit": "points", "per_seed": each, "note": note, **base}
                    out[f"{name}{suffix(view)}{end}"] = (lab.difference(ordered, again, who), points)
        ordered = hits[task, "validate", "ordered", "ordered"]
        for view in OTHERS:
            only = hits[task, "validate", "ordered", view]
            note = f"ordered minus {view} at test time only, the same network; validate"
            points = {"unit": "points", "note": note, **base}
            out[f"{name}.test_only{suffix(view)}"] = (lab.difference(ordered, only, who), points)
    return out | by_pair(hits, people["pairs"])


def by_pair(hits: Hits, people: list[str]) -> dict[str, tuple[Interval, dict[str, Any]]]:
    """Return the accuracy of each timing pair on its own."""
    truth, _ = lab.truth_of_pairs()
    out = {}
    for pair, group in zip(timing.PAIRS, PAIRS, strict=True):
        rows = np.flatnonzero(np.isin(truth, group))
        who = [people[i] for i in rows]
        for name, key in (*((v, (v, v)) for v in VIEWS), ("test_reversed", ("ordered", "reversed"))):
            here = hits["pairs", "validate", key[0], key[1]][:, rows]
            note = f"trained on {key[0]}, tested on {key[1]} clips; chance 0.5; validate"
            fields = {"unit": "accuracy", "n": len(rows), "per_seed": tuple(here.mean(1)), "note": note}
            out[f"temporal.pairs_accuracy.{pair}.{name}"] = (lab.mean_right(here, who), fields)
    return out


# ---------------------------------------------------------------- what it stands


def harmed(what: str, level: float) -> list[Track | None]:
    """Return the clips of *validate* under a degradation; None where no face is left."""
    harm: Any = HARM[what][0]
    rng = np.random.default_rng(0)
    seen: list[FaceSequence | None] = [
        None if s is None else harm(s, level, rng) for s in lab.faces("validate", 50)
    ]
    return [None if s is None else track(s) for s in seen]


def curves(seeds: tuple[int, ...]) -> tuple[list[dict[str, Any]], dict[tuple[str, str], Interval]]:
    """Return accuracy under each degradation as rows, and points lost at the stated levels."""
    truth, people = lab.truth_of()
    data = lab.seven()
    shown = [s for s in lab.faces("fit", lab.TRAIN) if s is not None]
    networks: dict[str, list[nn.Module]] = {
        "whole": [lab.trained("gru", "gru", data, seed) for seed in seeds],
        "recipe": [lab.trained("recipe", "recipe", data, seed, sequences=shown) for seed in seeds],
    }
    rows: list[dict[str, Any]] = []
    lost: dict[tuple[str, str], Interval] = {}
    for what, (_, levels) in HARM.items():
        hits: dict[tuple[str, float], np.ndarray] = {}
        for level in levels:
            clips = harmed(what, level)
            for name, nets in networks.items():
                hits[name, level] = np.stack([lab.right(lab.said(net, clips), truth) for net in nets])
                score = lab.mean_right(hits[name, level], people)
                rows.append({"harm": what, "level": level, "network": name, **vars(score)})
        for name in networks:
            lost[what, name] = lab.difference(hits[name, levels[0]], hits[name, STATED[what]], people)
    return rows, lost


def hypotheses(values: dict[str, Interval], lost: dict[tuple[str, str], Interval]) -> dict[str, bool]:
    """Return which of the hypotheses held, from records by name and points lost."""
    v = {name: interval.value for name, interval in values.items()}
    use, pair = "temporal.time_use", "temporal.pairs_accuracy"
    guess = {view: values[f"{pair}.{view}"] for view in ("shuffled", "two_frame")}
    return {
        "T1": v[use] < 3,
        "T2": v[f"{use}.two_frame"] <= 5,
        "T3": abs(v[f"{use}.reversed"]) <= 2,
        "T4": v[f"{use}.test_only"] > max(3, 2 * v[use]),
        "T5": v[f"{pair}.ordered"] >= 0.9 and guess["shuffled"].low <= 0.5 <= guess["shuffled"].high,
        "T6": guess["two_frame"].low <= 0.5 <= guess["two_frame"].high,
        "T7": v[f"{pair}.onset.test_reversed"] < 0.2 and v[f"{pair}.rhythm.test_reversed"] >= 0.8,
        "T8": max(lost["lost", name].value for name in NETWORKS) < 5,
        "T9": lost["jitter", "recipe"].value < lost["jitter", "whole"].value,
    }


def run(*, seeds: tuple[int, ...] = lab.SEEDS) -> None:
    """Train what is missing, score, write records and tables."""
    began = time.perf_counter()
    hits, table, people = ask(seeds)
    found = compare(hits, people)
    rows, lost = curves(seeds)
    common: dict[str, Any] = {
        "dataset": "mime", "data_version": mime.VERSION, "seeds": seeds,
        "seconds": round(time.perf_counter() - began, 1),
    }  # fmt: skip
    split = {"seven": lab.SPLIT, "pairs": lab.SPLIT_PAIRS}
    for id, (interval, fields) in found.items():
        lab.put(id, interval, split=split["pairs" if "pairs" in id else "seven"], **common, **fields)
        print(f"{id:45} {interval}")
    for (what, name), points in lost.items():
        note = f"points lost at {what} {STATED[what]}; network: {name}; validate"
        fields = {"unit": "points", "n": len(people["seven"]), "split": lab.SPLIT, "note": note}
        lab.put(f"temporal.robust.{what}.{name}", points, **common, **fields)
        print(f"{what:10} {name:8} {points}")
    held = hypotheses({id: interval for id, (interval, _) in found.items()}, lost)
    lab.write_hypotheses(HELD, held, {**common, "split": lab.SPLIT})
    print(held)
    write_table(table, results.folder() / "predictions" / "time_use.parquet")
    write_table(rows, results.folder() / "temporal.robust.csv")


if __name__ == "__main__":
    run()
