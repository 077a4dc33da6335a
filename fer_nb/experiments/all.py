"""Make records: all of them, or those named. What is up to date is left as it is.

Each experiment is a module beside this one with `run()`, and with `RECORDS`, the ids that it writes. A record
is up to date when it was made by the code as it is now; so a run that was killed goes on where it stopped.
An experiment that names no records is always run, and judges by itself what is to do. One whose data are not
on this machine is left out, and that is said.

Experiments run as the book reports them: those of `ON_TEST` on the test people, where their own default is
the people of development. Two figures are not made here, since each look at sealed people counts: those of
the even London ids (`london --ids even`) and of the sealed judge (`mime_judges --sealed`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from .. import experiments, results
from ..errors import BadInput, FerError, MissingData
from ..provenance import code_hash

FIRST = ("first_path", "defense_arms")  # they make weights that others use
LAST = ("book_cost",)  # it runs the notebooks, which read the records of the others
ON_TEST = (
    "adaptive_suite", "attack_end_to_end", "attack_fusion", "attack_images", "attack_landmarks",
    "attack_transfer", "attack_video", "certified_patch", "certified_smoothing", "defense_frontier",
    "defense_grey", "privacy_identity", "privacy_inversion", "privacy_motion", "privacy_utility",
    "reconstruction", "reconstruction_images", "reconstruction_linear",
)  # fmt: skip


def modules() -> Iterator[ModuleType]:
    """Yield the experiments: those that make weights first, then by name, the cost of the notebooks last."""
    names = {found.name for found in iter_modules(experiments.__path__) if not found.name.startswith("_")}
    between = sorted(names - {*FIRST, *LAST, "all"})
    for name in (*FIRST, *between, *LAST):
        module = import_module(f"{experiments.__name__}.{name}")
        if hasattr(module, "run"):
            yield module


def written_by(module: ModuleType) -> tuple[str, ...]:
    """Return the ids of the records that an experiment writes."""
    return tuple(getattr(module, "RECORDS", ()))


def fresh(ids: Sequence[str], code: str) -> bool:
    """Return whether all these records exist and were made by this code."""
    try:
        return bool(ids) and all(results.load(id).code == code for id in ids)
    except FerError:
        return False


def chosen(ids: Sequence[str]) -> list[ModuleType]:
    """Return the experiments that write these records, in order; all of them for no ids.

    An id may also be the beginning of others: `real` stands for `real.london_fused` and its like.

    Raises
    ------
    BadInput
        If no experiment writes such a record.
    """
    every = list(modules())
    if not ids:
        return every
    known = [record for module in every for record in written_by(module)]
    for id in ids:
        if not any(record == id or record.startswith(f"{id}.") for record in known):
            near = get_close_matches(id, known, n=5, cutoff=0.5) or sorted({k.split(".")[0] for k in known})
            raise BadInput(
                f"no experiment makes the record {id!r}: did you mean {', '.join(near)}? "
                "`fer-nb results show` lists all"
            )
    return [m for m in every if any(r == id or r.startswith(f"{id}.") for r in written_by(m) for id in ids)]


def name_of(module: ModuleType) -> str:
    """Return the name of an experiment: that of its module, without the package."""
    return module.__name__.rsplit(".", 1)[-1]


def remake(module: ModuleType) -> None:
    """Run an experiment as the book reports it."""
    if name_of(module) in ON_TEST:
        module.run(split="test")
    else:
        module.run()
    if hasattr(module, "test_block"):
        module.test_block()


def make(ids: Sequence[str] = ()) -> None:
    """Run the experiments behind the named records (none: all) unless they are up to date.

    Raises
    ------
    MissingData
        If an experiment was asked for by name, and what it needs is not on this machine.
    """
    code, without = code_hash(), []
    for module in chosen(ids):
        name = name_of(module)
        if not ids and fresh(written_by(module), code):
            print(f"{name}: up to date", file=sys.stderr)
            continue
        print(f"{name}: running", file=sys.stderr, flush=True)
        try:
            remake(module)
        except MissingData as missing:
            if ids:
                raise
            without.append(name)
            print(f"{name}: left out, its records are kept: {missing}", file=sys.stderr, flush=True)
    if without:
        print(f"left out for want of data: {', '.join(without)}", file=sys.stderr)


if __name__ == "__main__":
    make(sys.argv[1:])
