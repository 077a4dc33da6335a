"""Train both branches on Mime and ship their weights: `python -m fer_nb.experiments.first_path`.

Writes `fer_nb/weights/{temporal,spatial}.{safetensors,json}` and the records `mime.single_branch`,
`mime.oracle_ceiling` and their variants, all on the *validate* block. Nothing real is seen here.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from .. import checkpoints, evaluation, mime, results, spatial, splits, temporal
from ..cache import cache_dir
from ..clips import Clip
from ..errors import BadInput
from ..labels import LABELS, index
from ..mime.populations import bare
from ..prediction import Models, judge
from ..preprocess import FaceSequence, face_sequences, window_features
from ..training import Fitted, Plan, fit, predict_in_batches

RECORDS = (
    "mime.single_branch", "mime.single_branch.temporal", "mime.single_branch.spatial", "mime.fused",
    "mime.oracle_ceiling",
)  # fmt: skip
PACKAGE = Path(__file__).resolve().parents[1]
SESSIONS = (0, 1)  # takes of the fit people; each has its own light, camera, hair and clothes
MEMBERS = 5  # temporal networks that answer together; each has a seed of its own
STILLS = 2  # stills drawn from each clip in an epoch of the spatial branch
PLANS = {
    "temporal": Plan(epochs=14, learning_rate=3e-3, patience=8),
    # The average reaches over some ten epochs. A wide one lies where the loss is flat, and what is flat
    # carries over to other pictures: Cha et al. (2021), "SWAD: domain generalization by seeking flat minima".
    "spatial": Plan(epochs=24, learning_rate=4e-3, patience=8, average=0.9995),
    "oracle": Plan(epochs=12, learning_rate=3e-3, patience=4, label_smoothing=0.05),
}
# What the weights depend on; the rest of the package may change without training again.
_RECIPE = ("features.py", "crops.py", "preprocess.py", "training.py", "temporal.py",
           "spatial.py", "augment.py", "shading.py", "experiments/first_path.py")  # fmt: skip


@dataclass(frozen=True)
class Data:
    """Clips of the two blocks, and their traced faces (None where none was found)."""

    fit: list[Clip]
    validate: list[Clip]
    fit_faces: list[FaceSequence]
    validate_faces: list[FaceSequence | None]


def recipe(people: int, seed: int) -> str:
    """Hash of everything that decides the weights: data version, size, seed and the code that matters."""
    digest = hashlib.sha256(f"{mime.VERSION} {mime.fingerprint()} {people} {seed}".encode())
    for pattern in _RECIPE:
        for path in sorted(PACKAGE.glob(pattern)):
            digest.update(bare(path.read_text(encoding="utf-8")).encode())
    return digest.hexdigest()[:16]


def load_data(people: int, *, progress: bool = True) -> Data:
    """Make or read the clips of *fit* and *validate*, and trace their faces."""
    fitting = mime.block("fit", people=people, sessions=SESSIONS, progress=progress)
    checking = mime.block("validate", progress=progress)
    splits.check_disjoint(fitting, checking)
    traced = face_sequences(fitting, key=f"{mime.VERSION}/fit", progress=progress)
    held_out = face_sequences(checking, key=f"{mime.VERSION}/validate", progress=progress)
    return Data(fitting, checking, [s for s in traced if s is not None], held_out)


def accuracy(
    clip_inputs: Callable[[], torch.Tensor], labels: Sequence[str | None], model: nn.Module
) -> float:
    """Share of clips that a branch reads right."""
    truth = torch.tensor([index(label or "neutral") for label in labels])
    return float((predict_in_batches(model, clip_inputs()).argmax(1) == truth).float().mean())


def train_committee(
    data: Data, *, seed: int = 0, resume: Path | None = None, progress: bool = True
) -> temporal.Committee:
    """Train the temporal branch: `MEMBERS` networks, each with a seed of its own."""
    committee = temporal.Committee(members=MEMBERS)
    for k in range(MEMBERS):
        state = None if resume is None else resume.with_name(f"{resume.stem}-{k}.pt")
        one = train_temporal(data, seed=MEMBERS * seed + k, resume=state, progress=progress)
        committee.members[k] = one.model
    return committee.eval()


def train_temporal(data: Data, *, seed: int = 0, resume: Path | None = None, progress: bool = True) -> Fitted:
    """Train one temporal network."""
    torch.manual_seed(seed)
    model = temporal.TemporalNet()
    temporal.fit_scale(model, data.fit_faces)
    held = [s for s in data.validate_faces if s is not None]
    x = torch.from_numpy(np.stack([temporal.clip_input(s) for s in held]))
    return fit(
        model,
        partial(temporal.batches, data.fit_faces),
        partial(accuracy, lambda: x, [s.label for s in held]),
        plan=_seeded("temporal", seed),
        resume=resume,
        progress="temporal branch" if progress else None,
    )


def train_spatial(data: Data, *, seed: int = 0, resume: Path | None = None, progress: bool = True) -> Fitted:
    """Train the spatial branch."""
    torch.manual_seed(seed)
    held = [s for s in data.validate_faces if s is not None]
    x = torch.cat([spatial.clip_input(s) for s in held])
    return fit(
        spatial.SpatialNet(),
        partial(spatial.batches, data.fit_faces, repeats=STILLS),
        partial(accuracy, lambda: x, [s.label for s in held]),
        plan=_seeded("spatial", seed),
        loss=spatial.loss,
        resume=resume,
        progress="spatial branch" if progress else None,
    )


def _seeded(name: str, seed: int) -> Plan:
    return Plan(**{**vars(PLANS[name]), "seed": seed})


def oracle_input(clip: Clip) -> np.ndarray:
    """True action units of a clip over time, resampled, (24, U + 1)."""
    if clip.units is None:
        raise BadInput(f"{clip.source}: has no true action units: give Mime clips")
    units = np.asarray(clip.units, np.float32)
    return window_features(units, np.ones(len(units), bool))


def train_oracle(data: Data, *, seed: int = 0, progress: bool = True) -> tuple[Fitted, np.ndarray]:
    """Train the same network on true action units; return it and its answers on *validate*."""
    x, held = (
        torch.from_numpy(np.stack([oracle_input(c) for c in clips])) for clips in (data.fit, data.validate)
    )
    y = torch.tensor([index(c.label or "neutral") for c in data.fit])

    def batches(rng: np.random.Generator) -> Any:
        for rows in torch.from_numpy(rng.permutation(len(x))).split(128):
            yield x[rows], y[rows]

    torch.manual_seed(seed)
    model = temporal.TemporalNet(inputs=x.shape[-1])
    model.scale.fill_(0.3)
    fitted = fit(
        model,
        batches,
        partial(accuracy, lambda: held, [c.label for c in data.validate]),
        plan=_seeded("oracle", seed),
        progress="oracle" if progress else None,
    )
    return fitted, predict_in_batches(fitted.model, held).argmax(1).numpy()


def answers(faces: Sequence[FaceSequence | None], models: Models) -> dict[str, list[str | None]]:
    """Ask the whole system about traced clips: label by branch, None where no face was found."""
    out: dict[str, list[str | None]] = {"temporal": [], "spatial": [], "fused": []}
    for sequence in faces:
        said = None if sequence is None else judge(sequence, models)
        for name, column in out.items():
            p = None if said is None else getattr(said, name)
            column.append(None if p is None else LABELS[int(p.argmax())])
    return out


def _card(name: str, model: nn.Module, people: int, seed: int, metrics: dict[str, Any]) -> checkpoints.Card:
    shape, note, arguments = {
        "temporal": (
            ["B", "T", len(temporal.features.NAMES) + 1],
            "preprocess.window_features, T = 24",
            {"members": MEMBERS},
        ),
        "spatial": (["B", 1, 64, 64], "crops.crop_face / 255, in [0, 1]", {}),
    }[name]
    return checkpoints.Card(
        name=name,
        architecture={"class": type(model).__name__, "arguments": arguments},
        input={"shape": shape, "made_by": note},
        normalization="inside the model",
        data_version=mime.VERSION,
        seed=seed,
        code=results.code_hash(),
        recipe=recipe(people, seed),
        metrics=metrics,
    )


def up_to_date(people: int, seed: int) -> bool:
    """Whether the shipped weights were made by this recipe and their records exist."""
    try:
        cards = [checkpoints.read_card(name) for name in ("temporal", "spatial")]
        results.load("mime.single_branch")
        results.load("mime.oracle_ceiling")
    except BadInput:
        return False
    whole = all((checkpoints.WEIGHTS / f"{card.name}.safetensors").exists() for card in cards)
    return whole and all(card.recipe == recipe(people, seed) for card in cards)


def run(
    *, people: int = 400, seeds: Sequence[int] = (0,), force: bool = False, progress: bool = True
) -> None:
    """Train, ship the first seed's weights, write records; skip what is already made by this recipe.

    Parameters
    ----------
    people : int, how many of the 400 *fit* people
    seeds : sequence of int; the first is shipped, all are in `per_seed`
    force : bool, train even when the weights are up to date
    """
    if not force and up_to_date(people, seeds[0]):
        print("first_path: weights and records are up to date")
        return
    began = time.perf_counter()
    data = load_data(people, progress=progress)
    truth = [c.label or "neutral" for c in data.validate]
    subjects = [c.subject for c in data.validate]
    per_seed: dict[str, list[float]] = {"temporal": [], "spatial": [], "fused": []}
    first: dict[str, evaluation.Scores] = {}
    for seed in seeds:
        state = cache_dir() / "training" / recipe(people, seed)
        branches = {
            "temporal": train_committee(data, seed=seed, resume=state / "temporal.pt", progress=progress),
            "spatial": train_spatial(data, seed=seed, resume=state / "spatial.pt", progress=progress).model,
        }
        said = answers(data.validate_faces, Models(branches["temporal"], branches["spatial"]))
        scores = {name: evaluation.evaluate(truth, column, subjects) for name, column in said.items()}
        for name, score in scores.items():
            per_seed[name].append(score.accuracy.value)
            print(f"first_path: seed {seed} {name}: validate accuracy {score.accuracy}")
        if seed == seeds[0]:
            first = scores
            for name, model in branches.items():
                metrics = {"validate_accuracy": round(scores[name].accuracy.value, 4)}
                checkpoints.save(model, _card(name, model, people, seed, metrics), checkpoints.WEIGHTS / name)
    _write_records(data, first, per_seed, people=people, seeds=seeds, began=began, progress=progress)


def _write_records(
    data: Data,
    scores: dict[str, evaluation.Scores],
    per_seed: dict[str, list[float]],
    *,
    people: int,
    seeds: Sequence[int],
    began: float,
    progress: bool,
) -> None:
    """Write `mime.single_branch`, `mime.oracle_ceiling` and their variants."""
    truth, subjects = [c.label or "neutral" for c in data.validate], [c.subject for c in data.validate]
    _, said = train_oracle(data, seed=seeds[0], progress=progress)
    oracle = evaluation.evaluate(truth, [LABELS[i] for i in said], subjects)
    best = max(("temporal", "spatial"), key=lambda name: scores[name].accuracy.value)
    common: dict[str, Any] = {
        "unit": "accuracy", "n": len(data.validate), "dataset": "mime", "data_version": mime.VERSION,
        "split": f"fit {people} people in {len(SESSIONS)} sessions, validate {len(set(subjects))} people",
        "command": "python -m fer_nb.experiments.first_path", "seeds": tuple(seeds),
        "seconds": round(time.perf_counter() - began, 1),
    }  # fmt: skip

    def put(id: str, score: evaluation.Scores, **more: Any) -> None:
        value, low, high = score.accuracy.value, score.accuracy.low, score.accuracy.high
        results.write(results.record(id, value, low=low, high=high, **{**common, **more}))

    put("mime.single_branch", scores[best], per_seed=per_seed[best], target=(0.80, 0.92),
        note=f"clips; the better branch, {best}; interval over people")  # fmt: skip
    for name, score in scores.items():
        put(f"mime.single_branch.{name}" if name != "fused" else "mime.fused", score, per_seed=per_seed[name])
    put("mime.oracle_ceiling", oracle, direction="up", target=0.97, seeds=(seeds[0],),
        note="clips; the temporal network on true action-unit courses")  # fmt: skip
    print(f"first_path: oracle ceiling {oracle.accuracy}")
    for name in ("temporal", "spatial", "fused"):
        print(f"{name} confusion (rows truth, last column no face)\n{scores[name].confusion}")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--people", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds to train")
    parser.add_argument("--force", action="store_true")
    given = parser.parse_args()
    run(people=given.people, seeds=range(given.seeds), force=given.force)


if __name__ == "__main__":
    main()
