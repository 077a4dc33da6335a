"""Both shipped branches joined, and trained on together: `python -m fer_nb.experiments.joint_branch`.

The table of chapter 05 has joint fine-tuning by the networks of the folds. Here it begins with what is
shipped: the first network of the temporal committee, and the spatial branch. It goes on with all *fit* people
in their first session; early stopping looks at *validate*. Writes `fer_nb/weights/joint.*`, and how the joint
model does on *validate* and its shifted twin. `--test-block` scores it on the test block, beside the shipped
fusion.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.special import softmax

from .. import checkpoints, fusion_settings, joint, mime, results, spatial, temporal
from ..cache import cache_dir
from ..labels import index
from ..preprocess import FEATURES, FaceSequence, face_sequences
from ..training import fit
from . import _units
from .crossfit import PLANS, REPEATS
from .fusion_data import over_people
from .fusion_rules import put
from .fusion_system import system_answers

SEEDS = 3
ENDS = {"validate": ".validate", "shift": "_shift", "test": ""}  # of a record's id
RECORDS = tuple(
    f"joint.{what}{end}" for what in ("accuracy", "gain_over_start", "minus_fusion") for end in ENDS.values()
)
_RECIPE = (
    "features",
    "crops",
    "preprocess",
    "training",
    "temporal",
    "spatial",
    "augment",
    "shading",
    "joint",
)


def recipe() -> str:
    """Hash of all that decides the weights: data, the branches to begin with, the plan, the code."""
    branches = [checkpoints.read_card(name).recipe for name in ("temporal", "spatial")]
    about = (mime.VERSION, mime.fingerprint(), *branches, PLANS["joint"], REPEATS["joint"])
    return _units.recipe(*about, modules=_RECIPE)


def start() -> joint.JointNet:
    """Return the joint model before any training: its logits are those of the two branches, added."""
    first: Any = temporal.load().members[0]
    return joint.JointNet(first, spatial.load()).eval()


def answers(model: Any, faces: Sequence[FaceSequence | None]) -> np.ndarray:
    """Return the answers (N,) of a joint model to whole clips; -1 where no face was found."""
    out = np.full(len(faces), -1)
    found = [face for face in faces if face is not None]
    out[[face is not None for face in faces]] = (
        joint.logits(model, *joint.clip_inputs(found)).argmax(1).numpy()
    )
    return out


def truth_of(faces: Sequence[FaceSequence]) -> np.ndarray:
    """Return the true classes (N,)."""
    return np.array([index(face.label or "neutral") for face in faces])


def train(seed: int, *, resume: Path | None = None, progress: bool = True) -> joint.JointNet:
    """Train the joint model on the *fit* people; stopped by *validate*."""
    kept = {}
    for block in ("fit", "validate"):
        clips = mime.block(block, sessions=(0,), progress=progress)
        traced = face_sequences(clips, key=f"{mime.VERSION}/{block}", progress=progress)
        kept[block] = [face for face in traced if face is not None]
    truth = truth_of(kept["validate"])
    fitted = fit(
        start(),
        partial(joint.batches, kept["fit"], repeats=REPEATS["joint"]),
        lambda model: float((answers(model, kept["validate"]) == truth).mean()),
        plan=type(PLANS["joint"])(**{**vars(PLANS["joint"]), "seed": seed}),
        loss=joint.loss,
        resume=resume,
        progress=f"joint model, seed {seed}" if progress else None,
    )
    return fitted.model  # type: ignore[return-value]


def network(seed: int, *, progress: bool = True) -> joint.JointNet:
    """Return the joint model of a seed: read where it is kept, else trained and kept."""
    home = cache_dir() / "experiments" / "joint" / recipe()

    def make() -> dict[str, np.ndarray]:
        model = train(seed, resume=home / f"training-{seed}.pt", progress=progress)
        return {name: value.numpy() for name, value in model.state_dict().items()}

    model = joint.JointNet()
    kept = _units.kept(home / f"weights-{seed}.npz", make)
    (home / f"training-{seed}.pt").unlink(missing_ok=True)
    model.load_state_dict({name: torch.from_numpy(value) for name, value in kept.items()})
    return model.eval()


def ship(model: joint.JointNet, seed: int, accuracy: float) -> Path:
    """Write the weights and their card."""
    card = checkpoints.Card(
        name="joint",
        architecture={"class": "JointNet", "arguments": {}},
        input={
            "shape": [["B", 24, FEATURES], ["B", 1, 64, 64]],
            "made_by": "joint.clip_inputs: whole clips as motion, apex crops in [0, 1]",
        },
        normalization="inside the model",
        data_version=mime.VERSION,
        seed=seed,
        code=results.code_hash(),
        recipe=recipe(),
        metrics={"validate_accuracy": round(accuracy, 4)},
    )
    return checkpoints.save(model, card, checkpoints.WEIGHTS / "joint")


def compare(
    models: Sequence[joint.JointNet], block: str, *, sessions: Sequence[int] = (0,), shifted: bool = False
) -> dict[str, Any]:
    """Ask joint models, their common start and the shipped fusion about the same clips.

    Returns
    -------
    dict with "joint", a list of hits (N,) for each model; "start" and "fusion", hits (N,); "person" (N,)
    """
    clips = mime.block(block, sessions=sessions, shifted=shifted)
    faces = face_sequences(clips, key=f"{mime.VERSION}/{block}{'-shift' if shifted else ''}")
    asked = system_answers(block, sessions=sessions, shifted=shifted)
    truth, z = asked["truth"], asked["z"]
    found = np.isfinite(z).all((0, 2))
    fused = np.full(len(truth), -1)
    p = fusion_settings.apply(fusion_settings.shipped_settings(), softmax(z[:, found], axis=-1))
    fused[found] = p.argmax(-1)
    return {
        "joint": [answers(model, faces) == truth for model in models],
        "start": answers(start(), faces) == truth,
        "fusion": fused == truth,
        "person": asked["person"],
    }


def report(kind: str, found: dict[str, Any], split: str, seconds: float) -> None:
    """Write accuracy, gain over the start, and difference to the shipped fusion, of one set of clips."""
    end, person = ENDS[kind], found["person"]
    right = np.mean(found["joint"], axis=0)
    about: dict[str, Any] = {"n": len(person), "split": split, "seeds": tuple(range(len(found["joint"])))}
    about["seconds"] = seconds
    stop = "; early stopping looked at these clips" if kind == "validate" else ""
    note = f"clips; joint fine-tuning of one temporal network and the spatial branch{stop}"
    put(f"joint.accuracy{end}", over_people(right, person), unit="accuracy",
        per_seed=tuple(float(hits.mean()) for hits in found["joint"]), note=note, **about)  # fmt: skip
    print(f"joint_branch: {kind}: {right.mean():.3f}", flush=True)
    rivals = {
        "gain_over_start": ("start", "the same two networks before, their logits added"),
        "minus_fusion": ("fusion", "the shipped fusion, whose temporal branch is a committee of five"),
    }
    for name, (rival, what) in rivals.items():
        theirs = found[rival].astype(float)
        put(f"joint.{name}{end}", over_people(100 * (right - theirs), person), unit="points",
            per_seed=tuple(float(100 * (hits - theirs).mean()) for hits in found["joint"]),
            note=f"clips; the joint model minus {what} ({theirs.mean():.3f}){stop}", **about)  # fmt: skip


def run(*, progress: bool = True) -> None:
    """Train all seeds, ship the first, write the records of *validate* and its twin."""
    began = time.perf_counter()
    models = [network(seed, progress=progress) for seed in range(SEEDS)]
    for kind in ("validate", "shift"):
        found = compare(models, "validate", shifted=kind == "shift")
        if kind == "validate":
            ship(models[0], 0, float(found["joint"][0].mean()))
        split = f"validate{', shifted twin' if kind == 'shift' else ''}, {len(set(found['person']))} people"
        report(kind, found, split, round(time.perf_counter() - began, 1))


def test_block(*, progress: bool = True) -> None:
    """Score the joint models on the test block, all sessions. Nothing is chosen here."""
    began = time.perf_counter()
    models = [network(seed, progress=progress) for seed in range(SEEDS)]
    found = compare(models, "test", sessions=(0, 1, 2))
    split = f"test, {len(set(found['person']))} people in 3 sessions"
    report("test", found, split, round(time.perf_counter() - began, 1))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--test-block", action="store_true", help="score it on the test block, at the end")
    test_block() if parser.parse_args().test_block else run()


if __name__ == "__main__":
    main()
