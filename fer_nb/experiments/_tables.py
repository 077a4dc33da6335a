"""Tables beside the records: curves and rows that pages draw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from ..cache import replacing


def write_table(rows: list[dict[str, Any]], path: Path) -> None:
    """Write rows as Parquet or CSV, by the ending of the name; whole or not at all.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "toy.csv"
    >>> write_table([{"x": 1, "y": 0.5}], path)
    >>> path.read_text().split()
    ['x,y', '1,0.5000']
    """
    table = pd.DataFrame(rows)
    with replacing(path) as temporary:
        if path.suffix == ".parquet":
            table.to_parquet(temporary, index=False, compression="zstd")
        else:
            table.to_csv(temporary, index=False, float_format="%.4f")
