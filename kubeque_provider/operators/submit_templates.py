"""Render the templates in the command and the rows of a submission."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from kubeque.model.command.command import Word
from kubeque.model.errors import ParametersError
from kubeque.model.sweep.option_types import WORDS
from kubeque_provider.exceptions import permanent
from kubeque_provider.parsing.known import is_output
from kubeque_provider.parsing.rows import check_cells
from kubeque_provider.storage_paths import is_object_path
from kubeque_provider.templating import RendersNone, format_word, has_jinja, read_word, render_push, render_rows

_Render = Callable[[Any], Any]
#: Templated fields that this operator renders itself.
_OWN = ("command", "parameters", "push")


def render_command(
    command: Any, env: Any, render: _Render, *, mapped: bool
) -> tuple[Any, tuple[str | Word, ...] | None]:
    """Return the rendered command for display, and its parsed words. The words are None if the command is not a list.

    `env`: environment of Jinja. `mapped`: True if Airflow has already rendered the words, as for a mapped task.
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
    """Return two values: the rendered `parameters`, and a flag that is True if their rows are known at parsing.

    The flag is None if `parameters` contains the rows themselves. Then the operator keeps its own flag, which is
    already right. `templates`: argument `render_rows` of the operator. Raises ParametersError.
    """
    if is_output(parameters):
        rows = render(parameters)
        if rows is None:
            raise ParametersError(f"parameters: {parameters} is None: return a list of dicts from that Airflow task")
        return rows, False
    if isinstance(parameters, str) or is_object_path(parameters):
        return render(parameters), not has_jinja(str(parameters))
    if isinstance(parameters, list | tuple):
        cells = check_cells(parameters, templates)
        return render_rows(cells, render, render, templates=bool(templates)), None
    return parameters, None


class RendersSweep(RendersNone):
    """Mixin of the operators that submit. It parses words before Jinja runs, so values from Jinja are never parsed."""

    # Attributes of the operator:
    command: Any
    parameters: Any
    push: Any
    render_rows: bool | None
    #: False if the rows come from an upstream task or from a template.
    _rows_known: bool = True
    #: Words of the command, parsed when the templates are rendered; None before, and if the command is not a list.
    _words: tuple[str | Word, ...] | None = None

    def _do_render_template_fields(
        self,
        parent: Any,
        template_fields: Iterable[str],
        context: Any,
        jinja_env: Any,
        seen_oids: set[int],
        **more: Any,
    ) -> None:
        """Render the fields. Airflow calls this method instead of the public method for mapped tasks."""
        own = _OWN if parent is self else ()
        others = [field for field in template_fields if field not in own]
        super()._do_render_template_fields(parent, others, context, jinja_env, seen_oids, **more)
        if not own:
            return

        def render(value: Any) -> Any:
            return self.render_template(value, context, jinja_env)

        with permanent():
            self._field = "command"
            mapped = id(self.command) in seen_oids
            self.command, self._words = render_command(self.command, jinja_env, render, mapped=mapped)
            self._field = "push"
            if isinstance(self.push, list | tuple):
                self.push = [render_push(text, render) for text in self.push]
            self._field = "parameters"
            if id(self.parameters) in seen_oids:
                self._rows_known = False  # mapped
            else:
                self.parameters, known = render_parameters(self.parameters, render, templates=self.render_rows)
                self._rows_known = self._rows_known if known is None else known
