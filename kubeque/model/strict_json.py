"""Strict JSON: no object contains a key twice, and each number is valid by the JSON standard."""

from __future__ import annotations

import json
from typing import Any

from kubeque.model.text import cut


class NotStrict(ValueError):
    """Python can read the JSON text, but another reader could read one of its values differently."""


def parse_strict_json(text: str, *, twice: str, constant: str) -> Any:
    """Return the value of JSON text. Raises NotStrict for a key that is given twice, and for NaN or Infinity.

    `twice`, `constant`: messages of these two errors. `{}` in a message is replaced by the key or by the constant. For
    text that is not JSON, raises ValueError or RecursionError, as `json.loads` does.
    """

    def make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            raise NotStrict(twice.format(repr(cut(next(name for name in names if names.count(name) > 1), 40))))
        return found

    def refuse(word: str) -> Any:
        raise NotStrict(constant.format(word))

    return json.loads(text, object_pairs_hook=make_object, parse_constant=refuse)
