"""The table of revisions: read from a history, each measure on the data version of its revision."""

from __future__ import annotations

import pandas as pd
import pytest

from fer_nb import results
from fer_nb.errors import MissingData
from fer_nb.experiments import revisions


def record(id: str, value: float, version: str) -> dict:
    return {
        "id": id,
        "value": value,
        "low": value - 0.1,
        "high": value + 0.1,
        "n": 50,
        "data_version": version,
    }


def test_a_record_of_an_older_data_version_is_left_out():
    """What was measured on the first faces and stands in the folder still says nothing about the new ones."""

    def read(commit: str, id: str):
        return record(id, 0.5, "mime-v1") if id == "real.london_fused.odd" else None

    found = revisions.rows(read)
    assert [row["revision"] for row in found] == ["first weights", "later epoch"]
    assert {row["measure"] for row in found} == {"London, odd ids, smiles: fused"}


def test_the_first_known_record_of_a_measure_is_taken():
    known = {"fusion.accuracy_shift": 0.6, "mime_shift.fused": 0.7}
    last = revisions.REVISIONS[-1]

    def read(commit: str, id: str):
        return record(id, known[id], "mime-v2") if commit == last.commit and id in known else None

    (row,) = revisions.rows(read)
    assert (row["id"], row["value"], row["n"]) == ("fusion.accuracy_shift", 0.6, 50)


def test_an_unknown_commit_says_what_to_do():
    with pytest.raises(MissingData, match="whole history"):
        revisions.from_history("0" * 40, "real.london_fused.odd")


def test_the_kept_table_is_what_the_history_says(monkeypatch, tmp_path):
    kept = pd.read_csv(results.folder() / revisions.TABLE)
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    try:
        revisions.run()
    except MissingData as error:
        pytest.skip(str(error))
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / revisions.TABLE), kept)


def test_every_revision_has_a_row_and_every_measure_a_last_value():
    table = pd.read_csv(results.folder() / revisions.TABLE)
    assert set(table["revision"]) == {revision.name for revision in revisions.REVISIONS}
    last = table[table["revision"] == revisions.REVISIONS[-1].name]
    assert set(last["measure"]) == set(revisions.MEASURES)
    assert ((table["low"] <= table["value"]) & (table["value"] <= table["high"])).all()


def test_what_the_data_sheet_says_of_the_table():
    table = pd.read_csv(results.folder() / revisions.TABLE).set_index(["revision", "measure"])["value"]
    still, judge = "London, odd ids, smiles: still", "read by a network trained on real faces"
    motion, twin = "London, odd ids, smiles: motion", "shifted twin: motion"
    assert table["new faces", still] < table["later epoch", still]  # the still lost smiles
    assert table["new faces", motion] > table["later epoch", motion]  # motion gained
    assert table["calibrated product", judge] > table["later epoch", judge]
    assert table["faces at rest", still] > table["calibrated product", still]  # photographs are read better
    assert table["faces at rest", twin] < table["calibrated product", twin]  # the twin a little worse
    twins = table[[m.startswith("shifted twin") for _, m in table.index]].unstack()
    assert (twins.max() - twins.min()).max() < 0.05  # it hardly moved
