"""Units of work that outlast a run: made once by a recipe, kept, and read afterwards.

A recipe is a hash of all that decides a unit: settings, weights, and the text of modules without comments and
docstrings. Where it changes, units are made again, beside the old ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ..cache import load_arrays, save_arrays
from ..mime.populations import bare

PACKAGE = Path(__file__).resolve().parents[1]
Arrays = dict[str, np.ndarray]


def recipe(*settings: object, modules: Sequence[str] = ()) -> str:
    """Return the hash of settings and of the code of modules, twelve hexadecimal digits.

    Parameters
    ----------
    settings : what is hashed by its `repr`
    modules : names within the package, such as "spatial" or "experiments/_units"

    Raises
    ------
    FileNotFoundError
        If there is no such module.

    Examples
    --------
    >>> recipe("mime-v2", 3) == recipe("mime-v2", 3) != recipe("mime-v2", 3, modules=["labels"])
    True
    """
    digest = hashlib.sha256(repr(settings).encode())
    for name in modules:
        digest.update(bare((PACKAGE / f"{name}.py").read_text(encoding="utf-8")).encode())
    return digest.hexdigest()[:12]


def kept(path: Path, make: Callable[[], Arrays]) -> Arrays:
    """Return the arrays of a unit: read where they are kept, else made and kept, whole or not at all.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "unit.npz"
    >>> kept(path, lambda: {"it": np.arange(3)})["it"].tolist()
    [0, 1, 2]
    >>> kept(path, lambda: {"it": np.zeros(3)})["it"].tolist()
    [0, 1, 2]
    """
    if (arrays := load_arrays(path)) is None:
        arrays = make()
        save_arrays(path, arrays)
    return arrays
