"""What the files of `^` words are called in the working directory of a task."""

from __future__ import annotations

from collections.abc import Mapping

from kubeque.files.urls import base_name
from kubeque.model.spec import JobSpec


def input_names(spec: JobSpec, row: Mapping[str, str]) -> dict[str, str]:
    """By the word as rendered for the row."""
    rendered = [word.render(row) for word in spec.command if word.upload]
    return {path: spec.row_inputs[path].name if path in spec.row_inputs else base_name(path) for path in rendered}
