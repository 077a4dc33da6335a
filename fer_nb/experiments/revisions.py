"""What each change to data and models did to the proxies: `python -m fer_nb.experiments.revisions`.

Proxies are figures that stand in for real faces while something is chosen: the shifted twin of *validate*,
the odd ids of the London Set, a network trained on real faces. Each revision left its records in the history
of the repository; this command reads them there and writes `results/revisions.csv`. It measures nothing.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .. import results
from ..errors import MissingData
from ._tables import write_table

TABLE = "revisions.csv"


@dataclass(frozen=True)
class Revision:
    """A state of data and models: the commit that holds its records, its data version, what was changed."""

    name: str
    commit: str
    data_version: str
    changed: str


REVISIONS = (
    Revision("first weights", "1d8a2d7", "mime-v1", "both branches, one session of the fit people"),
    Revision("later epoch", "3ee4ffb", "mime-v1", "of epochs with nearly equal scores the last is kept"),
    Revision(
        "new faces", "4514fbb", "mime-v2",
        "smiles after measurements and more prototypes; a second session; five temporal networks; stronger "
        "and weaker motion; stills relit and resampled; shorter training of motion, longer of the still",
    ),
    Revision("calibrated product", "f5e0e4a", "mime-v2", "the rule of fusion, in place of the mean"),
    Revision(
        "faces at rest", "95b409f", "mime-v2",
        "lips, eyes and brows at rest, smiles with closed lips; the still also seen in a mirror, "
        "its training shorter and its weights averaged widely",
    ),
)  # fmt: skip
# Of each measure, the first record that the revision has.
MEASURES: dict[str, tuple[str, ...]] = {
    "London, odd ids, smiles: motion": ("real.london_temporal.odd",),
    "London, odd ids, smiles: still": ("real.london_spatial.odd",),
    "London, odd ids, smiles: fused": ("real.london_fused.odd",),
    "London, odd ids, calm: still": ("real.london_calm.spatial.odd",),
    "shifted twin: motion": ("mime_shift.temporal",),
    "shifted twin: still": ("mime_shift.spatial",),
    "shifted twin: fused": ("fusion.accuracy_shift", "mime_shift.fused"),
    "read by a network trained on real faces": (
        "mime.read_by_real_network.validate",
        "mime.read_by_real_network",
    ),
}
Reader = Callable[[str, str], dict[str, Any] | None]


def from_history(commit: str, id: str) -> dict[str, Any] | None:
    """Return a record as it stood in a commit, or None if that commit has none of this id.

    Raises
    ------
    MissingData
        If the history is not here: in a shallow clone, or without git.
    """
    git = ["git", "-C", str(results.root())]
    try:
        subprocess.run([*git, "cat-file", "-e", f"{commit}^{{commit}}"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        raise MissingData(
            f"commit {commit} is not here: run this in a clone with its whole history "
            "(`git fetch --unshallow`); what it found is kept in results/" + TABLE
        ) from None
    shown = subprocess.run([*git, "show", f"{commit}:results/{id}.json"], capture_output=True, text=True)
    return json.loads(shown.stdout) if shown.returncode == 0 else None


def rows(read: Reader = from_history) -> list[dict[str, Any]]:
    """Return one row for each revision and measure that it has on its own version of the data."""
    out = []
    for revision in REVISIONS:
        for measure, ids in MEASURES.items():
            found = (read(revision.commit, id) for id in ids)
            mine = next((r for r in found if r and r["data_version"] == revision.data_version), None)
            if mine is not None:
                numbers = {key: mine[key] for key in ("value", "low", "high", "n")}
                out.append(
                    {"revision": revision.name, "commit": revision.commit, "measure": measure}
                    | numbers
                    | {"id": mine["id"], "data_version": mine["data_version"]}
                )
    return out


def run() -> None:
    """Read the history and write the table."""
    write_table(rows(), results.folder() / TABLE)


if __name__ == "__main__":
    run()
