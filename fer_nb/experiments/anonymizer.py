"""Train the anonymizer on the fit people and ship it: `python -m fer_nb.experiments.anonymizer`.

Writes `fer_nb/weights/anonymizer.{safetensors,json}`, the records `anonymize.*` on how well it draws, and its
course. How well it hides and what it keeps is measured elsewhere, with attackers of their own.

Donors are the first fit people in their first session. Of each donor one of the seven clips is kept out of
training, another class for each; likeness is measured on those clips. Everything else is drawn from the codes
of `--split` people, whom the generator never saw.

Hypotheses, written down before the run:

redraws           On clips kept out, the likeness (SSIM) of the donor drawn by the clip's code is above that
                  of the nearest thing without a code: the mean training frame of the same donor.
follows           Units read from drawn faces follow the units asked for: mean correlation of twelve over 0.7.
looks_like_faces  The Frechet distance of drawn to real faces is below half of that of blurred real faces
                  (Gaussian of 2 pixels) to the same.
is_steady         Released clips change less from frame to frame than the originals.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from safetensors.torch import save as as_bytes

from .. import anonymize, checkpoints, mime, results, spatial
from ..anonymize_nets import CODE, UNITS, Anonymizer
from ..anonymize_scores import TWELVE, correlations, flicker, frechet, looks, ssim
from ..anonymize_training import Faces, Plan, Trained, train
from ..cache import cache_dir, replacing
from ..evaluation import Interval, bootstrap
from ..mime.populations import bare
from ..mime.units import INDEX
from ..preprocess import FaceSequence
from ..provenance import code_hash
from ._anonymizer_data import Data, divided, load_data, pose_readout, some
from ._hypotheses import hypotheses

HYPOTHESES = ("redraws", "follows", "looks_like_faces", "is_steady")
RECORDS = (
    "anonymize.ssim", "anonymize.ssim.mean_face", "anonymize.ssim.other_donor", "anonymize.frechet",
    "anonymize.frechet.real", "anonymize.frechet.blurred", "anonymize.follows_code", "anonymize.reads",
    "anonymize.flicker", "anonymize.ms_per_frame", "anonymize.megabytes", "anonymize.epochs",
    "anonymize.hypotheses_held", *(f"anonymize.hypotheses_held.{name}" for name in HYPOTHESES),
)  # fmt: skip
COURSE = "anonymize.course.csv"
DONORS = 100
PLAN = Plan()
PACKAGE = Path(__file__).resolve().parents[1]
_RECIPE = ("anonymize_nets.py", "anonymize_training.py", "head_pose.py", "spatial.py", "crops.py",
           "preprocess.py", "experiments/_anonymizer_data.py")  # fmt: skip
_TWELVE = [INDEX[name] for name in TWELVE]


def recipe(donors: int, plan: Plan) -> str:
    """Hash of all that decides the weights: data, plan, reader, and the code that matters."""
    digest = hashlib.sha256(f"{mime.VERSION} {mime.fingerprint()} {donors} {plan}".encode())
    digest.update((checkpoints.WEIGHTS / "spatial.safetensors").read_bytes())
    for name in _RECIPE:
        digest.update(bare((PACKAGE / name).read_text(encoding="utf-8")).encode())
    return digest.hexdigest()[:16]


def draw_all(codes: np.ndarray, donors: np.ndarray, model: Anonymizer) -> np.ndarray:
    """Draw codes (N, 24), each on its own donor (N,): (N, 64, 64) uint8."""
    with torch.no_grad():
        parts = [
            model(c, d)[:, 0].mul(255).round().byte()
            for c, d in zip(
                torch.from_numpy(codes).split(256), torch.from_numpy(donors).split(256), strict=True
            )
        ]
    return torch.cat(parts).numpy()


def watch(held: Faces, real: np.ndarray, reader: spatial.SpatialNet, model: Anonymizer) -> dict[str, float]:
    """Score a model on frames kept out: likeness on the own donor, Frechet distance on donors at random."""
    donors = np.random.default_rng(0).integers(0, model.donors.num_embeddings, len(held.people))
    own, other = (draw_all(held.codes, d, model) for d in (held.people, donors))
    return {"ssim": float(ssim(own, held.crops).mean()), "frechet": frechet(looks(other, reader), real)}


def fit_model(data: Data, plan: Plan, *, until: int | None = None) -> Trained:
    """Train, or go on training, on the donors' clips that are not kept out."""
    reader = spatial.load()
    faces, held = divided(data.donors)
    held = some(held, 200)
    real = looks(some(faces, 2000).crops, reader)
    state = cache_dir() / "experiments" / "anonymizer" / f"{recipe(len(set(faces.people)), plan)}.pt"
    return train(
        faces, plan, pose=pose_readout(data.donors, reader), watch=partial(watch, held, real, reader),
        resume=state, until=until, progress="anonymizer",
    )  # fmt: skip


def liven(donors: Sequence[FaceSequence], model: Anonymizer) -> tuple[np.ndarray, np.ndarray]:
    """Return gain and offset of units, from every fifth frame of the donors."""
    rows = [(s, np.flatnonzero(s.found)[::5]) for s in donors]
    models = anonymize.Models(spatial.load(), model)
    read = anonymize.read(np.concatenate([s.crops[r] for s, r in rows]), models)[:, :UNITS]
    return anonymize.liven(read, np.concatenate([s.units[r] for s, r in rows if s.units is not None]))


def ship(
    trained: Trained, key: str, metrics: Mapping[str, float], gain: np.ndarray, offset: np.ndarray
) -> Path:
    """Write half-precision weights, and a card that names them and the reader by their digests."""
    half = copy.deepcopy(trained.model).half()
    tensors = {name: value.detach().cpu().contiguous() for name, value in half.state_dict().items()}
    donors = trained.model.donors.num_embeddings
    arguments = {"donors": donors, "features": trained.model.pose.in_features}
    card = checkpoints.Card(
        name="anonymizer",
        architecture={"class": "Anonymizer", "arguments": arguments},
        input={
            "shape": ["B", CODE],
            "made_by": "anonymize.read: 22 units of the spatial branch, two sines of head pose; and a donor",
            "gain": gain.round(4).tolist(),
            "offset": offset.round(4).tolist(),
            "weights_sha256": hashlib.sha256(as_bytes(tensors)).hexdigest(),
            "reader_sha256": hashlib.sha256(
                (checkpoints.WEIGHTS / "spatial.safetensors").read_bytes()
            ).hexdigest(),
        },
        normalization="none",
        data_version=mime.VERSION,
        seed=PLAN.seed,
        code=code_hash(),
        recipe=key,
        metrics={name: round(value, 4) for name, value in metrics.items()},
    )
    path = checkpoints.save(half, card, checkpoints.WEIGHTS / "anonymizer")
    anonymize.load.cache_clear()
    return path


def measure(data: Data, models: anonymize.Models) -> dict[str, tuple[Interval, int]]:
    """Return every quantity of the records with its interval over people, and on how much it was measured."""
    train_faces, held = divided(data.donors)
    return {**likeness(train_faces, some(held, 1000), models), **of_others(data, train_faces, models)}


def likeness(train_faces: Faces, held: Faces, models: anonymize.Models) -> dict[str, tuple[Interval, int]]:
    """Likeness on the donors' clips that were kept out, and of two faces that know less."""
    people = np.unique(train_faces.people)
    rng = np.random.default_rng(1)
    other = (held.people + rng.integers(1, len(people), len(held.people))) % len(people)
    means = {p: train_faces.crops[train_faces.people == p].mean(0).round().astype(np.uint8) for p in people}
    drawn = {
        "ssim": draw_all(held.codes, held.people, models.anonymizer),
        "ssim.mean_face": np.stack([means[p] for p in held.people]),
        "ssim.other_donor": draw_all(held.codes, other, models.anonymizer),
    }
    out = {}
    for name, crops in drawn.items():
        out[name] = _mean(ssim(crops, held.crops), [str(p) for p in held.people]), len(held.people)
    return out


def _mean(values: np.ndarray, who: Sequence[str | None]) -> Interval:
    return bootstrap(lambda rows: float(values[rows].mean()), who)


def of_others(data: Data, train_faces: Faces, models: anonymize.Models) -> dict[str, tuple[Interval, int]]:
    """What releases of other people look like, each clip with a donor drawn for it."""
    donors = anonymize.per_clip(len(data.others), models.donors, seed=1)
    began = time.perf_counter()
    released = [
        anonymize.release(s, int(d), models=models)[s.found] for s, d in zip(data.others, donors, strict=True)
    ]
    spent = time.perf_counter() - began
    frames = sum(len(r) for r in released)
    who = [s.subject for s in data.others]
    asked = [anonymize.encode(s, models)[s.found] for s in data.others]
    shown = [anonymize.read(r, models) for r in released]
    truth = [s.units[s.found] for s in data.others if s.units is not None]
    out = {
        "follows_code": (_agreement(asked, shown, who), len(who)),
        "reads": (_agreement(truth, asked, who), len(who)),
        "flicker": (_flicker(released, data.others, who), len(who)),
        "ms_per_frame": (_plain(1000 * spent / max(1, frames)), frames),
    }
    return out | distances(train_faces, data.others, released, models.reader)


def _agreement(a: Sequence[np.ndarray], b: Sequence[np.ndarray], who: Sequence[str | None]) -> Interval:
    """Mean correlation of twelve units over all frames of clips."""

    def of(rows: np.ndarray) -> float:
        x, y = (np.concatenate([part[r] for r in rows]) for part in (a, b))
        return float(correlations(x[:, _TWELVE], y[:, _TWELVE]).mean())

    return bootstrap(of, who, resamples=200)


def _flicker(
    released: Sequence[np.ndarray], originals: Sequence[FaceSequence], who: Sequence[str | None]
) -> Interval:
    """Change from frame to frame in released clips, over that in the originals."""
    a = np.array([flicker(r) for r in released])
    b = np.array([flicker(s.crops[s.found]) for s in originals])
    return bootstrap(lambda rows: float(a[rows].sum() / max(1e-9, b[rows].sum())), who)


def distances(
    train_faces: Faces,
    others: Sequence[FaceSequence],
    released: Sequence[np.ndarray],
    reader: spatial.SpatialNet,
) -> dict[str, tuple[Interval, int]]:
    """Frechet distances to the donors' real frames: of released, of real and of blurred real other people."""
    real = looks(train_faces.crops, reader)
    crops = np.concatenate([s.crops[s.found] for s in others])
    blurred = np.stack([cv2.GaussianBlur(c, (0, 0), 2.0) for c in crops])
    sets = {"frechet": np.concatenate(released), "frechet.real": crops, "frechet.blurred": blurred}
    return {name: (_plain(frechet(looks(v, reader), real)), len(v)) for name, v in sets.items()}


def _plain(value: float) -> Interval:
    """A value without an interval."""
    return Interval(value, float("nan"), float("nan"))


def verdicts(found: Mapping[str, tuple[Interval, int]]) -> dict[str, bool]:
    """Say of each hypothesis whether it held."""
    value = {name: interval.value for name, (interval, _) in found.items()}
    return {
        "redraws": found["ssim"][0].low > value["ssim.mean_face"],
        "follows": value["follows_code"] > 0.7,
        "looks_like_faces": value["frechet"] < value["frechet.blurred"] / 2,
        "is_steady": found["flicker"][0].high < 1,
    }


_ABOUT = {
    "ssim": ("SSIM", "frames of donors' clips kept out of training, drawn by true codes on their own face"),
    "ssim.mean_face": ("SSIM", "the same frames against the mean training frame of the same donor"),
    "ssim.other_donor": ("SSIM", "the same frames drawn on another donor"),
    "frechet": ("distance", "released frames to the donors' real frames, features of the spatial network"),
    "frechet.real": ("distance", "real frames of the same people to the donors' real frames"),
    "frechet.blurred": ("distance", "blurred real frames of the same people to the donors' real frames"),
    "follows_code": ("correlation", "clips: units asked for with units read from drawn faces, mean of 12"),
    "reads": ("correlation", "clips: true units with units read from originals, smoothed, mean of 12"),
    "flicker": ("ratio", "clips: change from frame to frame, released over original"),
    "ms_per_frame": ("ms", "frames: reading and drawing, faces already found"),
    "megabytes": ("MB", "weights on disk, half precision"),
    "epochs": ("epochs", "of training"),
}  # fmt: skip


def records_of(
    found: Mapping[str, tuple[Interval, int]], *, split: str, seconds: float
) -> list[results.Record]:
    """Turn quantities into records."""
    common = {"dataset": "mime", "data_version": mime.VERSION, "seeds": (0,), "seconds": round(seconds, 1)}
    out = []
    for name, (value, n) in found.items():
        unit, note = _ABOUT[name]
        bounds = {} if np.isnan(value.low) else {"low": value.low, "high": value.high}
        where = "fit" if name.startswith("ssim") or name in ("megabytes", "epochs") else split
        out.append(results.record(f"anonymize.{name}", value.value, n=n, unit=unit, note=note, split=where,
                                  **bounds, **common))  # fmt: skip
    held = verdicts(found)
    note = "held, of those written down in anonymizer.py before the run"
    return out + hypotheses("anonymize", held, common, count={"note": note})


def run(
    split: str = "validate", *, donors: int = DONORS, people: int | None = None, plan: Plan = PLAN,
    until: int | None = None,
) -> list[results.Record]:  # fmt: skip
    """Train, ship and measure; with `until`, only train up to that epoch and ship what is there."""
    began = time.perf_counter()
    data = load_data(donors, split, people=people)
    trained = fit_model(data, plan, until=until)
    last = {name: trained.course[-1][name] for name in ("ssim", "frechet")}
    path = ship(trained, recipe(donors, plan), last, *liven(data.donors, trained.model))
    if until is not None and until < plan.epochs:
        return []
    found = measure(data, anonymize.load())
    found["megabytes"] = _plain(path.stat().st_size / 1e6), 1
    found["epochs"] = _plain(len(trained.course)), len(trained.course)
    records = records_of(found, split=split, seconds=time.perf_counter() - began)
    for record in records:
        results.write(record)
    write_course(trained.course)
    return records


def write_course(course: Sequence[Mapping[str, Any]]) -> None:
    """Write losses and scores of each epoch as a table."""
    import pandas as pd

    with replacing(results.folder() / COURSE) as temporary:
        pd.DataFrame(course).round(5).to_csv(temporary, index=False)


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--split", default="validate", help="whose codes are drawn (default: validate)")
    parser.add_argument("--donors", type=int, default=DONORS)
    parser.add_argument("--people", type=int, help="how many people of the split; all by default")
    parser.add_argument("--epochs", type=int, default=PLAN.epochs)
    parser.add_argument("--until", type=int, help="stop after this epoch; call again to go on")
    given = parser.parse_args()
    plan = replace(PLAN, epochs=given.epochs)
    for record in run(given.split, donors=given.donors, people=given.people, plan=plan, until=given.until):
        print(f"{record.id}: {record.value:.4f} [{record.low}, {record.high}] n={record.n}")


if __name__ == "__main__":
    main()
