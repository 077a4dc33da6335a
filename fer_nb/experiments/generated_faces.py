"""A recognizer that never saw a face of anyone: `python -m fer_nb.experiments.generated_faces`.

The other reading of "hide who it is": not each picture is redrawn, the training set is. Faces are made from
noise and a label. One part of the noise is a person: a random mix of donors. The other is a performance: a
code drawn from the normal distribution of the codes that show the label. A recognizer learns from these
faces alone and is tested on real faces of people whom nobody trained on.

It is compared with the same recognizer trained on as many real stills of the donors. Control: generated
faces whose labels were dealt out anew.

Hypotheses, written down before the run:

better_than_chance   Trained on generated faces, the recognizer is above chance (1/7) on real faces.
costs_accuracy       It is below the one trained on real stills; the interval of the difference is below 0.
nobody_in_particular A generated face is less like its nearest donor (SSIM) than a real still of the donor's
                     own kept-out clip is.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import anonymize, mime, results, spatial
from ..anonymize_nets import CODE, UNITS
from ..anonymize_scores import ssim
from ..augment import augment
from ..errors import BadInput
from ..evaluation import Interval, bootstrap
from ..head_pose import sines
from ..labels import LABELS, index
from ..preprocess import FaceSequence
from ..training import Plan, cross_entropy, fit, predict_in_batches
from ._anonymizer_data import kept_out, load_data
from ._hypotheses import hypotheses
from .anonymizer import DONORS

HYPOTHESES = ("better_than_chance", "costs_accuracy", "nobody_in_particular")
ARMS = ("generated", "real", "shuffled")
RECORDS = (
    *(f"anonymize.trained_on.{arm}" for arm in ARMS), "anonymize.trained_on.cost",
    "anonymize.nearest_donor.generated", "anonymize.nearest_donor.real",
    "anonymize.generated.hypotheses_held",
    *(f"anonymize.generated.hypotheses_held.{name}" for name in HYPOTHESES),
)  # fmt: skip
PLAN = Plan(epochs=8, learning_rate=4e-3, average=0.99)
COUNT = 2100  # faces in each training set
MIXED = 3  # donors that a made-up person is mixed of


@dataclass(frozen=True)
class Stills:
    """Faces with labels: crops (N, 64, 64) uint8, labels (N,) int, and whose they are (N,) str."""

    crops: np.ndarray
    labels: np.ndarray
    people: np.ndarray


@dataclass(frozen=True)
class Performances:
    """Mean and root of the covariance of the codes of each label: (7, 24) and (7, 24, 24)."""

    means: np.ndarray
    roots: np.ndarray


def peaks(sequences: list[FaceSequence]) -> tuple[Stills, np.ndarray]:
    """Return the stills near the apex of clips, and their true codes (N, 24)."""
    crops, labels, people, codes = [], [], [], []
    for s in sequences:
        if s.units is None:
            raise BadInput(f"{s.source}: has no true action units: give Mime clips")
        rows = spatial.stills(s)[0]
        crops.append(s.crops[rows])
        pose = sines(s.points)
        codes.append(np.concatenate([s.units[rows].clip(0, 1), pose[rows] - np.nanmedian(pose, 0)], 1))
        labels += [index(s.label or "neutral")] * len(rows)
        people += [s.subject] * len(rows)
    return Stills(np.concatenate(crops), np.array(labels), np.array(people)), np.concatenate(codes)


def learn_performances(codes: np.ndarray, labels: np.ndarray) -> Performances:
    """Describe the codes of each label by a normal distribution.

    Raises
    ------
    BadInput
        If a label has fewer than two codes.
    """
    means, roots = [], []
    for k, name in enumerate(LABELS):
        own = codes[labels == k]
        if len(own) < 2:
            raise BadInput(f"performances: {len(own)} codes of {name}: give two or more of each label")
        values, vectors = np.linalg.eigh(np.cov(own, rowvar=False))
        means.append(own.mean(0))
        roots.append(vectors * np.sqrt(np.maximum(values, 0)))  # (24, 24)
    return Performances(np.stack(means), np.stack(roots))


def generate(
    labels: np.ndarray, performances: Performances, models: anonymize.Models, rng: np.random.Generator
) -> np.ndarray:
    """Make faces from labels (N,) and noise, (N, 64, 64) uint8: nobody's face, nobody's performance."""
    noise = rng.normal(size=(len(labels), CODE))
    codes = performances.means[labels] + np.einsum("nij,nj->ni", performances.roots[labels], noise)
    codes[:, :UNITS] = codes[:, :UNITS].clip(0, 1)
    table = models.anonymizer.donors.weight.detach().numpy()  # (donors, E)
    many = min(MIXED, len(table))
    who = np.stack([rng.choice(len(table), many, replace=False) for _ in labels])  # (N, 3)
    share = rng.dirichlet(np.ones(many), len(labels))[..., None]  # (N, 3, 1)
    identity = (table[who] * share).sum(1)
    model, crops = models.anonymizer, []
    with torch.no_grad():
        for c, i in zip(_parts(codes), _parts(identity), strict=True):
            crops.append(model.generator((c - model.center) / model.spread, i)[:, 0].mul(255).round().byte())
    return torch.cat(crops).numpy()


def _parts(values: np.ndarray) -> tuple[Tensor, ...]:
    return torch.from_numpy(values.astype(np.float32)).split(256)


def recognizer(train_on: Stills, check: Stills, *, plan: Plan = PLAN) -> np.ndarray:
    """Train a spatial network on stills and return what it says of others, (N,). The last epoch counts.

    Nobody's answers choose the epoch: the score that the loop asks for only rises.
    """
    torch.manual_seed(plan.seed)
    x, y = spatial.to_input(train_on.crops), torch.from_numpy(train_on.labels)
    rising = iter(range(10**6))

    def batches(rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        for rows in torch.from_numpy(rng.permutation(len(x))).split(64):
            yield augment(x[rows]), y[rows]

    trained = fit(spatial.SpatialNet(), batches, lambda _: float(next(rising)), plan=plan, loss=_loss)
    return predict_in_batches(trained.model, spatial.to_input(check.crops)).argmax(1).numpy()


def _loss(model: torch.nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return cross_entropy(model, x, y, smoothing=0.1)


def nearest(faces: np.ndarray, donors: np.ndarray) -> np.ndarray:
    """Return the likeness (SSIM) of each face (N, 64, 64) to the donor face nearest to it, (N,)."""
    return np.array([ssim(np.repeat(face[None], len(donors), 0), donors).max() for face in faces])


def one_each(stills: Stills, count: int) -> Stills:
    """Return `count` stills, evenly spaced."""
    rows = np.linspace(0, len(stills.labels) - 1, count).astype(int)
    return Stills(stills.crops[rows], stills.labels[rows], stills.people[rows])


def arms(real: Stills, performances: Performances, models: anonymize.Models, count: int) -> dict[str, Stills]:
    """Return the training sets: generated, real, and generated with labels dealt out anew."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % len(LABELS)
    made = Stills(generate(labels, performances, models, rng), labels, np.full(count, "nobody"))
    pick = rng.choice(len(real.labels), count, replace=count > len(real.labels))
    return {
        "generated": made,
        "real": Stills(real.crops[pick], real.labels[pick], real.people[pick]),
        "shuffled": Stills(made.crops, rng.permutation(labels), made.people),
    }


def run(
    split: str = "validate", *, donors: int = DONORS, people: int | None = None, count: int = COUNT,
    plan: Plan = PLAN,
) -> list[results.Record]:  # fmt: skip
    """Make the faces, train the three recognizers, test them on the apex stills of real people, record."""
    began = time.perf_counter()
    data, models = load_data(donors, split, people=people), anonymize.load()
    shown, codes = peaks([s for s in data.donors if not kept_out(s)])
    sets = arms(shown, learn_performances(codes, shown.labels), models, count)
    check = Stills(
        np.stack([s.crops[s.apex] for s in data.others]),
        np.array([index(s.label or "neutral") for s in data.others]),
        np.array([s.subject for s in data.others]),
    )
    hits = {name: recognizer(s, check, plan=plan) == check.labels for name, s in sets.items()}
    own = one_each(shown, 3 * donors).crops
    hidden = peaks([s for s in data.donors if kept_out(s)])[0]
    alike = {
        "generated": nearest(one_each(sets["generated"], 100).crops, own),
        "real": nearest(one_each(hidden, 100).crops, own),
    }
    return record_all(hits, alike, check, split=split, count=count, seconds=time.perf_counter() - began)


def record_all(
    hits: Mapping[str, np.ndarray], alike: Mapping[str, np.ndarray], check: Stills, *,
    split: str, count: int, seconds: float,
) -> list[results.Record]:  # fmt: skip
    """Write the records of accuracies and of likeness to the nearest donor."""
    who = check.people.tolist()
    found = {name: _mean(values, who) for name, values in hits.items()}
    cost = _mean(hits["generated"].astype(float) - hits["real"], who)
    likeness = {name: _mean(v, [None] * len(v)) for name, v in alike.items()}
    held = {
        "better_than_chance": found["generated"].low > 1 / len(LABELS),
        "costs_accuracy": cost.high < 0,
        "nobody_in_particular": likeness["generated"].high < likeness["real"].low,
    }
    common: dict[str, Any] = {"dataset": "mime", "data_version": mime.VERSION, "split": split, "seeds": (0,),
                              "seconds": round(seconds, 1)}  # fmt: skip
    note = f"apex stills of {len(set(who))} people; trained on {count} stills"

    def put(name: str, v: Interval, unit: str, n: int, about: str) -> results.Record:
        bounds = {"low": v.low, "high": v.high, "unit": unit, "n": n, "note": about}
        return results.record(f"anonymize.{name}", v.value, **bounds, **common)

    records = [put(f"trained_on.{name}", v, "accuracy", len(who), note) for name, v in found.items()]
    records.append(put("trained_on.cost", cost, "accuracy", len(who), f"{note}: generated minus real"))
    about = "faces: likeness (SSIM) to the donor still nearest to it"
    records += [put(f"nearest_donor.{k}", v, "SSIM", len(alike[k]), about) for k, v in likeness.items()]
    records += hypotheses("anonymize.generated", held, common)
    for record in records:
        results.write(record)
    return records


def _mean(values: np.ndarray, who: list[Any]) -> Interval:
    return bootstrap(lambda rows: float(values[rows].mean()), who)


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--split", default="validate", help="real people to test on (default: validate)")
    parser.add_argument("--donors", type=int, default=DONORS)
    parser.add_argument("--people", type=int, help="how many people of the split; all by default")
    given = parser.parse_args()
    for record in run(given.split, donors=given.donors, people=given.people):
        print(f"{record.id}: {record.value:.4f} [{record.low}, {record.high}]")


if __name__ == "__main__":
    main()
