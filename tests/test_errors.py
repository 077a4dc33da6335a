from __future__ import annotations

import pytest

from fer_nb.errors import BadInput, CacheError, DataVersionWarning, FerError, NoFace


@pytest.mark.parametrize(("kind", "code"), [(BadInput, 2), (CacheError, 2), (NoFace, 3), (FerError, 2)])
def test_exit_codes(kind: type[FerError], code: int) -> None:
    assert kind("one line").exit_code == code
    assert str(kind("one line")) == "one line"


@pytest.mark.parametrize(("kind", "builtin"), [(BadInput, ValueError), (CacheError, OSError)])
def test_callers_may_catch_the_builtin_kind(kind: type[FerError], builtin: type[Exception]) -> None:
    with pytest.raises(builtin):
        raise kind("x")


def test_data_version_is_a_warning_not_an_error() -> None:
    assert issubclass(DataVersionWarning, UserWarning)
    assert not issubclass(DataVersionWarning, FerError)
