"""JSON text in which no object has a key twice, and each number is valid by the JSON standard."""

from __future__ import annotations

import json
from typing import Any

from kubeque.model.text import cut


class NotStrict(ValueError):
    """The text is JSON for Python's reader, but it has a value that another reader could read differently."""


def parse_strict_json(text: str, *, twice: str, constant: str) -> Any:
    """Return the value of JSON text. Raises NotStrict for a key given twice, and for NaN or Infinity.

    `twice`, `constant`: messages of these errors, in which `{}` is replaced by the key or the constant. Raises
    ValueError and RecursionError like `json.loads`.
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
