"""Do the warnings see what they are there for? `python -m fer_nb.experiments.adaptive_diagnostics`.

Plants faults that have fooled evaluations before into the shipped spatial branch, its input, and its attacks,
and counts those that raise the right warning. The branch as it is, alone and behind the defense module, must
raise none. The pictures are apex crops of *validate* that the branch reads rightly.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .. import mime, results, spatial
from ..cache import atomic_write
from ..errors import BadInput
from ..labels import LABELS, index
from ..preprocess import FaceSequence, face_sequences
from ._planted_faults import Fault, false_alarms, planted

RECORDS = ("adaptive.diagnostics", "adaptive.diagnostics.false_alarms")
TABLE = "adaptive.diagnostics.csv"
EACH = 5  # pictures of each class
EPSILON = 8 / 255


def pictures(
    faces: Sequence[FaceSequence | None], model: nn.Module, each: int = EACH
) -> tuple[Tensor, Tensor]:
    """Return apex crops (N, 1, 64, 64) that a model reads rightly and their labels (N,), all of other people.

    Raises
    ------
    BadInput
        If a class has too few of them.
    """
    rows: list[tuple[Tensor, int]] = []
    used: set[str | None] = set()
    for label in LABELS:
        mine = [s for s in faces if s is not None and s.label == label]
        count = 0
        for sequence in mine:
            x = spatial.clip_input(sequence)
            with torch.no_grad():
                right = int(model(x).argmax()) == index(label)
            if count < each and right and sequence.subject not in used:
                used.add(sequence.subject)
                rows.append((x, index(label)))
                count += 1
        if count < each:
            raise BadInput(
                f"diagnostics: {count} pictures of {label} are read rightly: give more than {each}"
            )
    return torch.cat([x for x, _ in rows]), torch.tensor([label for _, label in rows])


def table(faults: Sequence[Fault]) -> str:
    """Return the faults, the warning each must raise, and the warnings it raised, as CSV."""
    lines = ["fault,wanted,found,caught"]
    lines += [f'"{f.name}",{f.wanted},{"; ".join(f.found)},{int(f.caught)}' for f in faults]
    return "\n".join(lines) + "\n"


def run(*, queries: int = 200) -> None:
    """Plant the faults, count, write the records and the table."""
    began = time.perf_counter()
    model = spatial.load().eval()
    faces = face_sequences(mime.block("validate"), key=f"{mime.VERSION}/validate")
    x, y = pictures(faces, model)
    faults = planted(model, x, y, epsilon=EPSILON, queries=queries)
    alarms = false_alarms(model, x, y, epsilon=EPSILON, queries=queries)
    common = {
        "dataset": "mime", "data_version": mime.VERSION, "split": f"validate, {len(y)} people, one apex each",
        "seeds": (0,), "seconds": round(time.perf_counter() - began, 1),
    }  # fmt: skip
    results.write(
        results.record(
            "adaptive.diagnostics", sum(f.caught for f in faults), unit="faults", n=len(faults),
            direction="up", target=len(faults), note="planted faults that raise the right warning", **common,
        )
    )  # fmt: skip
    results.write(
        results.record(
            "adaptive.diagnostics.false_alarms", len(alarms), unit="findings", n=2, direction="down",
            target=0, note="the branch in order, alone and behind the defense module", **common,
        )
    )  # fmt: skip
    atomic_write(results.folder() / TABLE, table(faults).encode())
    print(table(faults), *(f"false alarm: {f.name}: {f.text}" for f in alarms), sep="\n")


def main() -> None:
    """Run it."""
    run()


if __name__ == "__main__":
    main()
