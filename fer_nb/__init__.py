"""Facial expression recognition in video and its security: the helper package of FER in the Open.

>>> import fer_nb
>>> fer_nb.LABELS[4]
'happiness'

`fer_nb.predict(path)` is the whole system. Everything is imported when it is first used, so that
`import fer_nb` is fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .errors import BadInput, CacheError, DataVersionWarning, FerError, NoFace
from .labels import LABELS

if TYPE_CHECKING:
    from .clips import Clip, read_clip
    from .prediction import Prediction, predict, predict_many
    from .preprocess import FaceSequence, face_sequence, face_sequences

__version__ = "0.1.0"
_HOMES = {
    "Clip": "clips",
    "read_clip": "clips",
    "FaceSequence": "preprocess",
    "face_sequence": "preprocess",
    "face_sequences": "preprocess",
    "Prediction": "prediction",
    "predict": "prediction",
    "predict_many": "prediction",
}
__all__ = [
    "LABELS",
    "BadInput",
    "CacheError",
    "Clip",
    "DataVersionWarning",
    "FaceSequence",
    "FerError",
    "NoFace",
    "Prediction",
    "face_sequence",
    "face_sequences",
    "predict",
    "predict_many",
    "read_clip",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
