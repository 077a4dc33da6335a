"""Tables beside the records."""

from __future__ import annotations

import pandas as pd

from fer_nb.experiments import _tables


def test_the_ending_of_the_name_decides_the_format(tmp_path):
    for name in ("a.parquet", "a.csv"):
        _tables.write_table([{"x": 1, "y": 0.5}], tmp_path / "deep" / name)
    assert pd.read_parquet(tmp_path / "deep" / "a.parquet").to_dict("records") == [{"x": 1, "y": 0.5}]
    assert (tmp_path / "deep" / "a.csv").read_text() == "x,y\n1,0.5000\n"
