"""Which network, which features, units or none: `python -m fer_nb.experiments.temporal_variants`.

Networks of equal size learn from whole clips of 100 *fit* people, three seeds each, and are tested on
*validate* and its shifted twin. Rows: four architectures on named measures; an action-unit bottleneck; a GRU
on region-wise principal components; a GRU trained by the shipped recipe (stretches and pairs of stills beside
whole clips). Two rows are rulers, no rivals: a GRU on true landmarks, and the oracle, on true action units.

Hypotheses, written down before the run; "beats" means that the paired interval over people is above 0:

- V1: on *validate*, the best and the worst of the four architectures are less than 3 points apart.
- V2: the transformer is the worst of the four on *validate*; 100 people are few for it.
- V3: the bottleneck beats the GRU on the shifted twin.
- V4: region-wise components do not beat named measures on the shifted twin.
- V5: on *validate*, true landmarks gain at least 3 points over detected ones.
- V6: the shipped recipe beats whole clips on neither set: its variety is meant for other videos than these.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from .. import mime, regions, results
from ..evaluation import Interval
from ..mime.units import UNITS
from ..preprocess import FaceSequence
from ..sequence_nets import KINDS, UnitBottleneck
from ..time_views import Track, inputs, track
from . import _temporal_lab as lab
from ._tables import write_table

RIVALS = (*KINDS, "bottleneck", "regions", "recipe")
RULERS = ("true_landmarks", "oracle")
TESTS = {"validate": "", "validate-shift": ".shift"}
HELD, UNITS_READ = "temporal.variants.hypotheses_held", "temporal.variants.units_read"
RECORDS = (
    *(f"temporal.variants.{name}{end}" for name in (*RIVALS, *RULERS) for end in TESTS.values()),
    *(f"temporal.gain_over_gru.{name}{end}" for name in RIVALS[1:] for end in TESTS.values()),
    UNITS_READ,
    HELD,
)
Hits = dict[tuple[str, str], np.ndarray]  # (variant, test) -> (S, N), 1.0 where right


def components(rows: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return mean (D,) and principal axes (count, D) of rows (R, D), by scikit-learn."""
    from sklearn.decomposition import PCA

    fitted = PCA(count, random_state=0).fit(rows)
    return fitted.mean_, fitted.components_


def on_regions() -> lab.Material:
    """Return the seven classes as region-wise components, fitted on the training people."""
    codes = regions.fit_codes([s for s in lab.faces("fit", lab.TRAIN) if s is not None], components)

    def change(sequence: FaceSequence) -> Track:
        coded = regions.coded(sequence, codes)
        one = track(coded, mirrored=regions.coded(sequence, codes, mirror=True))
        size = np.where(sequence.found, sequence.displacement, np.nan)  # of named measures, as elsewhere
        return replace(one, quiet=int(np.nanargmin(size)), apex=int(np.nanargmax(size)))

    return lab.seven(change)


def on_true_landmarks() -> lab.Material:
    """Return the seven classes with true landmarks in place of detected ones."""
    clips = {
        clip.source: clip
        for block, people, shifted in (
            ("fit", lab.TRAIN + lab.STOP, False), ("validate", 50, False), ("validate", 50, True)
        )
        for clip in mime.block(block, people=people, shifted=shifted, progress=False)
    }  # fmt: skip
    return lab.seven(lambda s: track(lab.truly([s], [clips[s.source]])[0]))


def material(name: str) -> tuple[str, lab.Material]:
    """Return the kind of network of a row, and what it learns from."""
    if name == "regions":
        return "gru", on_regions()
    if name == "true_landmarks":
        return "gru", on_true_landmarks()
    if name == "oracle":
        return "gru", lab.seven(lab.from_units)
    return name, lab.seven()


def ask(names: tuple[str, ...], seeds: tuple[int, ...]) -> tuple[Hits, list[dict[str, Any]], list[float]]:
    """Train every row with every seed and ask it about the tests.

    Returns
    -------
    hits of each row and test (S, N); answers as rows of a table; how well each unit is read, by seed
    """
    truth, subjects = lab.truth_of()
    hits: dict[tuple[str, str], list[np.ndarray]] = {}
    table: list[dict[str, Any]] = []
    read: list[float] = []
    for name in names:
        kind, data = material(name)
        shown = [s for s in lab.faces("fit", lab.TRAIN) if s is not None] if kind == "recipe" else None
        for seed in seeds:
            net = lab.trained(name, kind, data, seed, sequences=shown)
            if isinstance(net, UnitBottleneck):
                read.append(units_read(net, data))
            for test in TESTS:
                p = lab.said(net, data.tests[test])
                hits.setdefault((name, test), []).append(lab.right(p, truth))
                table += lab.answer_rows(p, truth, subjects, variant=name, seed=seed, test=test)
    return {key: np.stack(value) for key, value in hits.items()}, table, read


def units_read(net: UnitBottleneck, data: lab.Material) -> float:
    """Return the mean over units of the correlation between read and true intensities on *validate*."""
    tracks = [t for t in data.tests["validate"] if t is not None and t.units is not None]
    with torch.no_grad():
        said = net.units(inputs(tracks)).numpy().reshape(-1, len(UNITS))  # (N T, U)
    acted = [replace(t, motion=t.units, mirror=t.units) for t in tracks]  # type: ignore[arg-type]
    true = inputs(acted)[..., :-1].numpy().reshape(-1, len(UNITS))
    acting = np.flatnonzero(true.std(0) > 0)
    return float(np.mean([np.corrcoef(said[:, u], true[:, u])[0, 1] for u in acting]))


def hypotheses(
    accuracy: dict[tuple[str, str], float], gain: dict[tuple[str, str], Interval]
) -> dict[str, bool]:
    """Return which of the hypotheses held.

    Parameters
    ----------
    accuracy : (row, test) to a share
    gain : (row, test) to points over the GRU
    """
    four = {kind: accuracy[kind, "validate"] for kind in KINDS}
    return {
        "V1": max(four.values()) - min(four.values()) < 0.03,
        "V2": min(four, key=lambda kind: four[kind]) == "transformer",
        "V3": gain["bottleneck", "validate-shift"].low > 0,
        "V4": gain["regions", "validate-shift"].low <= 0,
        "V5": accuracy["true_landmarks", "validate"] - accuracy["gru", "validate"] >= 0.03,
        "V6": max(gain["recipe", test].low for test in TESTS) <= 0,
    }


def run(*, seeds: tuple[int, ...] = lab.SEEDS) -> None:
    """Train what is missing, score, write records and the table of answers."""
    began = time.perf_counter()
    hits, table, read = ask((*RIVALS, *RULERS), seeds)
    _, subjects = lab.truth_of()
    common: dict[str, Any] = {
        "dataset": "mime", "data_version": mime.VERSION, "split": lab.SPLIT,
        "seeds": seeds, "seconds": round(time.perf_counter() - began, 1), "n": len(subjects),
    }  # fmt: skip
    accuracy = {key: lab.mean_right(value, subjects) for key, value in hits.items()}
    for (name, test), score in accuracy.items():
        each = tuple(hits[name, test].mean(1))
        note = "clips; mean of the seeds, interval over people"
        lab.put(
            f"temporal.variants.{name}{TESTS[test]}",
            score,
            unit="accuracy",
            per_seed=each,
            note=note,
            **common,
        )
    gain = {
        (name, test): lab.difference(hits[name, test], hits["gru", test], subjects)
        for name in RIVALS[1:]
        for test in TESTS
    }
    for (name, test), points in gain.items():
        note = f"accuracy of {name} minus that of the GRU, same clips, paired; {test}"
        lab.put(f"temporal.gain_over_gru.{name}{TESTS[test]}", points, unit="points", note=note, **common)
    results.write(results.record(
        UNITS_READ, float(np.mean(read)), unit="correlation", per_seed=tuple(read),
        note="true and read intensity over time, mean of 22 units; validate, detected landmarks", **common,
    ))  # fmt: skip
    lab.write_hypotheses(HELD, hypotheses({k: v.value for k, v in accuracy.items()}, gain), common)
    write_table(table, results.folder() / "predictions" / "temporal_variants.parquet")
    for (name, test), score in accuracy.items():
        print(f"{name:15} {test:15} {score}  {gain.get((name, test), '')}")


if __name__ == "__main__":
    run()
