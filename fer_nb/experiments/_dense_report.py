"""From the kept logits of `dense_connection` to its records, its table and its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from .. import mime, results
from ..cache import replacing
from ..evaluation import Interval, bootstrap
from ..small_nets import NETS, multiplications, parameters
from ..spatial import SpatialNet
from ._hypotheses import hypotheses

PEOPLE = (20, 50, 100)
OWN_NEUTRAL, SHUFFLED = "apex minus neutral", "shuffled labels"
FRAMES = ("apex", "peak", "last", "random")
BLOCKS = {"validate": "", "validate-shift": ".shift"}  # and what a record's id gets
RIVALS = ("plain", "residual")
HYPOTHESES = (
    "dense_over_plain", "residual_is_enough", "small_data", "smaller_gap", "own_neutral", "apex_found",
    "peak_frame",
)  # fmt: skip
RECORDS = (
    *(f"spatial.dense_gain_over_{rival}{end}" for rival in RIVALS
      for end in ("", ".shift", *(f".people{n}" for n in PEOPLE))),
    *(f"spatial.small_data.{network}.people{n}{end}" for network in NETS for n in PEOPLE
      for end in ("", ".shift", ".gap")),
    *(f"spatial.{frame}_frame{end}" for frame in FRAMES for end in ("", ".shift")),
    "spatial.apex_minus_neutral", "spatial.apex_minus_neutral.shift",
    "spatial.apex_minus_neutral.gain", "spatial.apex_minus_neutral.gain.shift",
    "spatial.shuffled_labels", "spatial.hypotheses_held",
    *(f"spatial.hypotheses_held.{name}" for name in HYPOTHESES),
)  # fmt: skip
TABLE, ANSWERS = "spatial.dense_connection.csv", "dense_connection.parquet"


class Unit(Protocol):
    """What is asked of a unit here."""

    @property
    def network(self) -> str: ...
    @property
    def people(self) -> int: ...
    @property
    def seed(self) -> int: ...


Kept = Mapping[Any, Mapping[str, np.ndarray]]  # Unit to named logits


def answers(logits: np.ndarray) -> np.ndarray:
    """Return the class of each row of logits (N, 7), -1 where there was no face.

    Examples
    --------
    >>> answers(np.array([[0.0, 1.0], [np.nan, np.nan]])).tolist()
    [1, -1]
    """
    return np.where(np.isnan(logits).any(1), -1, np.nan_to_num(logits).argmax(1))


class Hits:
    """Which clips each unit read right, and statistics over people of it."""

    def __init__(self, kept: Kept, truth: np.ndarray, subjects: Sequence[str | None]) -> None:
        self.kept, self.truth, self.subjects = kept, truth, list(subjects)

    def seeds(self, network: str, people: int) -> list[int]:
        """Return the seeds with which a network was trained."""
        return sorted(u.seed for u in self.kept if (u.network, u.people) == (network, people))

    def of(self, network: str, people: int, block: str = "validate", frame: str = "apex") -> np.ndarray:
        """Return for each clip the share of seeds that read it right, (N,)."""
        mine = [a for u, a in self.kept.items() if (u.network, u.people) == (network, people)]
        return np.mean([answers(a[f"{block}/{frame}"]) == self.truth for a in mine], axis=0)

    def mean(self, values: np.ndarray) -> Interval:
        """Return the mean over the clips with its interval over people."""
        return bootstrap(lambda rows: float(values[rows].mean()), self.subjects)

    def per_seed(
        self, network: str, people: int, block: str = "validate", frame: str = "apex"
    ) -> list[float]:
        """Return the accuracy of each seed."""
        mine = {u.seed: a for u, a in self.kept.items() if (u.network, u.people) == (network, people)}
        return [float((answers(mine[s][f"{block}/{frame}"]) == self.truth).mean()) for s in sorted(mine)]

    def trained(self, network: str, people: int) -> float:
        """Return the accuracy on the apex frames of the training people, mean over seeds."""
        mine = [a for u, a in self.kept.items() if (u.network, u.people) == (network, people)]
        return float(np.mean([(answers(a["train/apex"]) == a["train/truth"]).mean() for a in mine]))

    def gain(self, rival: str, sizes: Sequence[int], block: str = "validate") -> Interval:
        """Return dense minus rival, clip by clip, mean over the sizes, with its interval over people."""
        each = [self.of("dense", n, block) - self.of(rival, n, block) for n in sizes]
        return self.mean(np.mean(each, axis=0))

    def gap(self, network: str, people: int) -> Interval:
        """Return training accuracy minus *validate* accuracy; the interval is over the validate people."""
        there, here = self.trained(network, people), self.mean(self.of(network, people))
        return Interval(there - here.value, there - here.high, there - here.low)


# ---------------------------------------------------------------- what is written


def table(hits: Hits) -> Any:
    """Return one row for each network and size: parameters, work, accuracies, gap."""
    import pandas as pd

    rows: list[dict[str, Any]] = []
    pairs = [(network, n) for n in PEOPLE for network in NETS]
    for network, n in [*pairs, (OWN_NEUTRAL, max(PEOPLE)), (SHUFFLED, min(PEOPLE))]:
        net = NETS.get(network, SpatialNet)()
        row: dict[str, Any] = {"network": network, "people": n, "seeds": len(hits.seeds(network, n))}
        row |= {"parameters": parameters(net), "multiplications": multiplications(net)}
        row["train"] = hits.trained(network, n)
        for block, name in (("validate", "validate"), ("validate-shift", "shift")):
            found = hits.mean(hits.of(network, n, block))
            row |= {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
        rows.append({**row, "gap": row["train"] - row["validate"]})
    return pd.DataFrame(rows).round(4)


def answers_table(hits: Hits) -> Any:
    """Return one row for each unit, frame and clip: the answer and its probability."""
    import pandas as pd
    from scipy.special import softmax

    parts = []
    for unit, arrays in hits.kept.items():
        for name in (k for k in arrays if not k.startswith("train/")):
            block, frame = name.split("/")
            said = answers(arrays[name])
            sure = np.nan_to_num(softmax(arrays[name], axis=1).max(1)).astype(np.float32)
            about = {"network": unit.network, "people": unit.people, "seed": unit.seed, "block": block}
            part = pd.DataFrame({**about, "frame": frame, "clip": np.arange(len(said)), "truth": hits.truth,
                                 "answer": said, "confidence": sure.round(3)})  # fmt: skip
            parts.append(
                part.astype({"clip": np.int16, "truth": np.int8, "answer": np.int8, "seed": np.int8})
            )
    return pd.concat(parts, ignore_index=True).astype(
        {"network": "category", "block": "category", "frame": "category"}
    )


def verdicts(hits: Hits) -> dict[str, bool]:
    """Say of each hypothesis in the docstring of `dense_connection` whether it held."""
    plain, residual = (hits.gain(rival, PEOPLE) for rival in RIVALS)
    few, many = min(PEOPLE), max(PEOPLE)
    frame = {name: hits.of("dense", many, frame=name).mean() for name in FRAMES}
    still, moved = (hits.of(n, many, "validate-shift") for n in ("dense", OWN_NEUTRAL))
    return {
        "dense_over_plain": plain.low > 0,
        "residual_is_enough": residual.value < plain.value and residual.low <= 0 <= residual.high,
        "small_data": hits.gain("plain", [few]).value > hits.gain("plain", [many]).value,
        "smaller_gap": hits.gap("dense", few).value < hits.gap("plain", few).value,
        "own_neutral": hits.mean(moved - still).low > 0,
        "apex_found": bool(frame["peak"] - frame["apex"] < 0.03),
        "peak_frame": bool(frame["apex"] - frame["random"] > 0.10),
    }


def report(
    kept: Kept, truth: np.ndarray, subjects: Sequence[str | None], *, seconds: float
) -> list[results.Record]:
    """Write the records, the table (CSV) and the answers (Parquet); return the records."""
    hits, many = Hits(kept, truth, subjects), max(PEOPLE)
    written: list[results.Record] = []
    common = {"n": len(truth), "dataset": "mime", "data_version": mime.VERSION, "seconds": seconds}

    def put(id: str, found: Interval, *, split: str, note: str, **more: Any) -> None:
        fields = {"unit": "accuracy", "low": found.low, "high": found.high, "split": split, "note": note}
        written.append(results.record(f"spatial.{id}", found.value, **{**common, **fields, **more}))

    for block, end in BLOCKS.items():
        for rival in RIVALS:
            put(f"dense_gain_over_{rival}{end}", hits.gain(rival, PEOPLE, block), split=_split(PEOPLE, block),
                note="dense minus rival at equal parameters, mean over sizes and seeds; interval over people",
                seeds=tuple(hits.seeds("dense", many)))  # fmt: skip
        for network in NETS:
            for n in PEOPLE:
                put(f"small_data.{network}.people{n}{end}", hits.mean(hits.of(network, n, block)),
                    split=_split([n], block), seeds=tuple(hits.seeds(network, n)),
                    per_seed=hits.per_seed(network, n, block),
                    note="apex frame, fixed length of training, mean over seeds")  # fmt: skip
        for frame in FRAMES:
            put(f"{frame}_frame{end}", hits.mean(hits.of("dense", many, block, frame)),
                split=_split([many], block), per_seed=hits.per_seed("dense", many, block, frame),
                seeds=tuple(hits.seeds("dense", many)),
                note=f"dense network reading one frame of each clip: {frame}")  # fmt: skip
        moved, still = hits.of(OWN_NEUTRAL, many, block), hits.of("dense", many, block)
        put(f"apex_minus_neutral{end}", hits.mean(moved), split=_split([many], block),
            per_seed=hits.per_seed(OWN_NEUTRAL, many, block), seeds=tuple(hits.seeds(OWN_NEUTRAL, many)),
            note="dense network on apex minus the clip's own neutral face")  # fmt: skip
        put(f"apex_minus_neutral.gain{end}", hits.mean(moved - still), split=_split([many], block),
            note="apex minus neutral, over the apex alone; paired, interval over people")  # fmt: skip
    for network in NETS:
        for n in PEOPLE:
            put(f"small_data.{network}.people{n}.gap", hits.gap(network, n), split=_split([n], "validate"),
                note="accuracy on training people minus validate")  # fmt: skip
    for rival in RIVALS:
        for n in PEOPLE:
            put(f"dense_gain_over_{rival}.people{n}", hits.gain(rival, [n]), split=_split([n], "validate"),
                note="dense minus rival at equal parameters; interval over people")  # fmt: skip
    put("shuffled_labels", hits.mean(hits.of(SHUFFLED, min(PEOPLE))), split=_split([min(PEOPLE)], "validate"),
        note="control: dense network trained on shuffled labels")  # fmt: skip
    written += _verdict_records(verdicts(hits), common)
    for record in written:
        results.write(record)
    _write(table(hits), results.folder() / TABLE)
    _write(answers_table(hits), results.folder() / "predictions" / ANSWERS)
    return written


def _split(sizes: Sequence[int], block: str) -> str:
    return f"fit {', '.join(map(str, sizes))} people, first session; {block}"


def _verdict_records(held: Mapping[str, bool], common: Mapping[str, Any]) -> list[results.Record]:
    """Return the count of hypotheses that held, and one record for each: 1 held, 0 failed."""
    each = {"unit": "", "note": "1: held, 0: failed; its words stand in dense_connection.py"}
    return hypotheses("spatial", held, common, each=each)


def _write(frame: Any, path: Path) -> None:
    """Write a table, whole or not at all."""
    with replacing(path) as temporary:
        if path.suffix == ".csv":
            frame.to_csv(temporary, index=False)
        else:
            frame.to_parquet(temporary, index=False, compression="zstd")
