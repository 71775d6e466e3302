"""Render the templates in the command and the rows of a submission."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kubeque.model.command.command import Word
from kubeque.model.errors import ParametersError
from kubeque.model.sweep.option_types import WORDS
from kubeque_provider.parsing.known import is_output
from kubeque_provider.parsing.rows import check_cells
from kubeque_provider.storage_paths import is_object_path
from kubeque_provider.templating import format_word, has_jinja, read_word, render_rows

_Render = Callable[[Any], Any]


def render_command(
    command: Any, env: Any, render: _Render, *, mapped: bool
) -> tuple[Any, tuple[str | Word, ...] | None]:
    """Return the rendered command as text, and its parsed words. The words are None if the command is not a list.

    `env`: environment of Jinja. `mapped`: True if Airflow has rendered the words of a mapped task.
    """
    if is_output(command):
        words = WORDS.convert(render(command), "command")
        command = [Word((word,)) for word in words]  # values of an upstream task are data
    if isinstance(command, str) or not isinstance(command, Sequence):
        return command, None  # `execute` raises the error

    def read(word: Any) -> Word:
        if isinstance(word, Word):
            return word
        if not isinstance(word, str):
            return Word(WORDS.convert([render(word)], "command"))
        return read_word(word, env, (lambda text: text) if mapped else render)

    parsed = tuple(read(word) for word in command)
    return [format_word(word) for word in parsed], parsed


def render_parameters(parameters: Any, render: _Render, *, templates: bool | None) -> tuple[Any, bool | None]:
    """Return the rendered `parameters`, and whether its rows are known while the DAG is parsed.

    The second value is None for rows that the DAG file holds.

    `templates`: argument `render_rows` of the operator. Raises ParametersError.
    """
    if is_output(parameters):
        rows = render(parameters)
        if rows is None:
            raise ParametersError(f"parameters: {parameters} is None: let that Airflow task return a list of dicts")
        return rows, False
    if isinstance(parameters, str) or is_object_path(parameters):
        return render(parameters), not has_jinja(str(parameters))
    if isinstance(parameters, list | tuple):
        cells = check_cells(parameters, templates)
        return render_rows(cells, render, render, templates=bool(templates)), None
    return parameters, None
