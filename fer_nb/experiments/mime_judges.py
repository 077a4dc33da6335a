"""What do two networks trained on real faces make of Mime's? `python -m fer_nb.experiments.mime_judges`.

They judge; nothing is fitted to them. While faces are drawn, the people judged are those of *validate*. The
figure that counts is one run on the *sealed* block, whose faces nobody has seen: `--sealed`, once a release.

The first judge is MediaPipe's blendshape model: when one action unit is rendered stronger, the score of the
matching blendshape must rise. The second is an expression network in JavaScript, run by Node outside the
project. Both need files that the project does not carry, so this experiment is skipped where they are
missing; each use is appended to `results/looks.jsonl`.

- `FER_NB_FACE_LANDMARKER`: path of MediaPipe's `face_landmarker.task`
- `FER_NB_JUDGE`: path of a script that Node runs with `FRAMES=<folder>`; it reads `m.json`, a list of
  [label, height, width], and the RGB bytes of frame i in `i.bin`, and prints JSON with `no_face`, `n` and
  `confusion`, for each label how often each answer was given
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from .. import mime, results
from ..cache import atomic_write
from ..errors import BadInput
from ..evaluation import bootstrap
from ..labels import LABELS
from ..landmarks import TaskTracker
from ..mime.blocks import dressed
from ..mime.courses import PROTOTYPES
from ..mime.units import INDEX

# The blendshapes that mean the same as an action unit. AU6 and AU9 are left out: their blendshapes are
# silent on real faces as well. AU23 and AU25 have no counterpart.
MATCH: dict[str, tuple[str, ...]] = {
    "AU1": ("browInnerUp",),
    "AU2": ("browOuterUpLeft", "browOuterUpRight"),
    "AU4": ("browDownLeft", "browDownRight"),
    "AU5": ("eyeWideLeft", "eyeWideRight"),
    "AU7": ("eyeSquintLeft", "eyeSquintRight"),
    "AU10": ("mouthUpperUpLeft", "mouthUpperUpRight"),
    "AU12": ("mouthSmileLeft", "mouthSmileRight"),
    "AU14": ("mouthDimpleLeft", "mouthDimpleRight"),
    "AU15": ("mouthFrownLeft", "mouthFrownRight"),
    "AU16": ("mouthLowerDownLeft", "mouthLowerDownRight"),
    "AU17": ("mouthShrugLower",),
    "AU18": ("mouthPucker",),
    "AU20": ("mouthStretchLeft", "mouthStretchRight"),
    "AU22": ("mouthFunnel",),
    "AU24": ("mouthPressLeft", "mouthPressRight"),
    "AU26": ("jawOpen",),
    "AU27": ("jawOpen",),
    "AU43": ("eyeBlinkLeft", "eyeBlinkRight"),
}
# What `make results` may remake. `mime.read_by_real_network`, on sealed people, is made by `--sealed` alone.
RECORDS = ("mime.blendshape_response", "mime.read_by_real_network.validate")
SEALED = "mime.read_by_real_network"
LEVELS = np.linspace(0, 1, 6)
PEOPLE, FIRST = 20, 1_000  # of the validate block


def responses(tracker: TaskTracker, people: int = PEOPLE) -> np.ndarray:
    """Return the mean scores (rendered unit, level, matched unit) over the people whose face was found."""
    units = list(MATCH)
    out = np.full((len(units), len(LEVELS), people, len(units)), np.nan)
    for i, unit in enumerate(units):
        for j, level in enumerate(LEVELS):
            for k in range(people):
                tracker(mime.face(FIRST + k, {unit: float(level)}))
                if tracker.blendshapes:
                    out[i, j, k] = [np.mean([tracker.blendshapes[b] for b in MATCH[u]]) for u in units]
    return np.nanmean(out, axis=2)


def respond(curve: np.ndarray) -> bool:
    """Return whether scores (L,) over `LEVELS` rise by 0.15 or more with Spearman correlation 0.9 or more.

    Examples
    --------
    >>> respond(np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])), respond(np.array([0.0, 0, 0, 0, 0.1, 0.1]))
    (True, False)
    """
    from scipy.stats import spearmanr

    return bool(curve[-1] - curve[0] >= 0.15 and spearmanr(LEVELS, curve).statistic >= 0.9)


def put(id: str, value: float, **fields: Any) -> None:
    """Write one record of this module."""
    about = {"dataset": "Mime", "data_version": mime.VERSION, "split": "validate", "direction": "up",
             "command": f"fer-nb results make {id}"}  # fmt: skip
    results.write(results.record(id, value, **{**about, **fields}))


def crosstalk(table: np.ndarray) -> str:
    """Return as CSV how much each matched blendshape rises with each rendered unit: (unit, level, unit)."""
    units = list(MATCH)
    rise = table[:, -1] - table[:, 0]  # (rendered, matched)
    lines = ["rendered," + ",".join(units)]
    lines += [unit + "," + ",".join(f"{x:.3f}" for x in row) for unit, row in zip(units, rise, strict=True)]
    return "\n".join(lines) + "\n"


def blendshape_response(model: Path) -> None:
    """Fill `mime.blendshape_response` and write the cross-talk matrix beside the records as CSV."""
    with TaskTracker(model, tracking=False) as tracker:
        table = responses(tracker)
    silent = [unit for i, unit in enumerate(MATCH) if not respond(table[i, :, i])]
    value = 1 - len(silent) / len(MATCH)
    atomic_write(results.folder() / "mime.blendshape_crosstalk.csv", crosstalk(table).encode())
    results.log_look("mediapipe-blendshapes", PEOPLE * len(MATCH) * len(LEVELS), value)
    note = f"mean of {PEOPLE} people over {len(LEVELS)} levels; do not respond: {', '.join(silent) or 'none'}"
    put("mime.blendshape_response", value, unit="share of action units", n=len(MATCH), target=0.8, note=note)


def apex_stills(people: int = 50, block: str = "validate") -> list[tuple[str, int, np.ndarray]]:
    """Return (label, person, image) of apex frames at full strength: six classes, first people of a block."""
    from ..mime import render

    out, rng = [], np.random.default_rng(0)
    for person in range(people):
        model = dressed(block, person, 0)
        for label in LABELS[1:]:
            amounts = np.zeros(len(INDEX))
            for unit, typical in PROTOTYPES[label][int(rng.integers(len(PROTOTYPES[label])))].items():
                amounts[INDEX[unit.rstrip("?")]] = typical
            amounts = np.clip(amounts * model.person.style.gain, 0, 1.1)
            linear, points = render.frame(model, amounts, amounts, model.scene.pose, np.zeros(2))
            camera = render.metered(model.scene.camera, linear, points)
            out.append((label, person, render.expose(linear, camera, rng)))
    return out


def ask_script(script: Path, stills: list[tuple[str, int, np.ndarray]]) -> dict[str, Any]:
    """Return what the judge's script says of (label, person, image) stills.

    Raises
    ------
    BadInput
        If Node is missing or the script fails.
    """
    with tempfile.TemporaryDirectory(prefix="fer_nb-") as folder:
        (Path(folder) / "m.json").write_text(
            json.dumps([[label, *image.shape[:2]] for label, _, image in stills])
        )
        for i, (_, _, image) in enumerate(stills):
            (Path(folder) / f"{i}.bin").write_bytes(np.ascontiguousarray(image).tobytes())
        try:
            done = subprocess.run(
                ["node", str(script)],
                env={**os.environ, "FRAMES": folder},
                capture_output=True,
                text=True,
                check=True,
            )
            return json.loads(done.stdout[done.stdout.index("{") :])
        except (OSError, subprocess.CalledProcessError, ValueError) as error:
            raise BadInput(
                f"{script.name}: the judge fails ({type(error).__name__}): run it with node"
            ) from error


def real_network(script: Path, *, block: str = "validate") -> None:
    """Record the share of apex frames that the outside judge reads as intended, on a block's people."""
    said = ask_script(script, apex_stills(block=block))
    answers = {label: said["confusion"].get(label, {}) for label in LABELS[1:]}
    counts = {label: (row.get(label, 0), sum(row.values())) for label, row in answers.items()}
    hits = np.concatenate([np.repeat([1.0, 0.0], [right, all - right]) for right, all in counts.values()])
    share = bootstrap(lambda rows: float(hits[rows].mean()), [None] * len(hits))
    neutral = sum(row.get("neutral", 0) for row in answers.values())
    note = ", ".join(f"{label} {right}/{all}" for label, (right, all) in counts.items())
    note += f"; {said['no_face']} without a face, {neutral} read as neutral; interval over stills, not people"
    about: dict[str, Any] = {
        "unit": "share of apex frames",
        "low": share.low,
        "high": share.high,
        "split": block,
    }
    if block == "sealed":
        results.log_look("face-api-expression, sealed people", len(hits), share.value)
        about |= {"target": 0.5, "command": "python -m fer_nb.experiments.mime_judges --sealed"}
    else:
        results.log_look("face-api-expression", len(hits), share.value)
    put(SEALED if block == "sealed" else f"{SEALED}.{block}", share.value, n=len(hits), note=note, **about)


def run() -> None:
    """Ask the judges that are here; say which are not."""
    for variable, ask in (("FER_NB_FACE_LANDMARKER", blendshape_response), ("FER_NB_JUDGE", real_network)):
        path = os.environ.get(variable)
        if path and Path(path).is_file():
            ask(Path(path))
        else:
            print(
                f"mime_judges: {variable} names no file, {ask.__name__} is skipped and its record kept",
                file=sys.stderr,
            )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sealed", action="store_true", help="the one run on sealed people, for a release")
    if not parser.parse_args().sealed:
        return run()
    path = os.environ.get("FER_NB_JUDGE", "")
    if not Path(path).is_file():
        raise BadInput(f"FER_NB_JUDGE={path!r}: names no file: set it to the judge's script")
    real_network(Path(path), block="sealed")


if __name__ == "__main__":
    main()
