"""Find sweeps that can never run, while their DAG is parsed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

from kubeque.model.command.command import Word
from kubeque.model.errors import CommandError
from kubeque.model.job.spec import FunctionCall
from kubeque.model.rows.parameters import sequence
from kubeque.model.rows.rows import Rows
from kubeque.model.sweep.job_name import check_name
from kubeque.model.sweep.jobspec import sweep_fields
from kubeque.model.sweep.options import OPTIONS
from kubeque.model.sweep.sweep import Sweep
from kubeque.model.sweep.sweep_fields import convert_option
from kubeque_provider.airflow_versions import KNOWN_CONTEXT_KEYS
from kubeque_provider.parsing.known import Unknown, is_known, is_known_argument
from kubeque_provider.parsing.rows import known_rows
from kubeque_provider.templating import read_columns

#: Command in place of unknown words, so that the other arguments can be checked.
_ANY_COMMAND = ("true",)
#: Function in place of that of `@task.kubeque`. For a function, rows can have values that a command cannot take.
_ANY_FUNCTION = FunctionCall("", (), ())


def check_sweep(kind: Any, values: Mapping[str, Any], dag: Any, params: Collection[str]) -> Rows | None:
    """Return the first rows of a sweep; None if they are unknown. Raises UserError if the sweep can never run.

    `kind`: class of the operator. `values`: arguments, keyed by name. `params`: names of Airflow's params.
    """
    rows = known_rows(values, function=kind.calls_function)
    words = () if kind.calls_function else _read_words(values.get("command"), dag, rows)
    given = {
        option.name: convert_option(option, values[option.name])
        for option in OPTIONS
        if option.operator
        and values.get(option.name) is not None
        and is_known_argument(kind, option.name, values[option.name])
    }
    fields = sweep_fields(given)
    fields["series"] = fields.get("series") or "any"
    name = values.get("job_id")
    if isinstance(name, str) and is_known(name):
        check_name(name)
    try:
        command, canaries = words if words and rows else _ANY_COMMAND, values.get("canaries")
        Sweep(
            command=command,
            rows=rows or sequence(1),
            canaries=canaries if isinstance(canaries, int) else None,
            function=_ANY_FUNCTION if kind.calls_function else None,
            **fields,
        ).check()
    except CommandError as error:
        named = next((name for name in params if f"unknown column {{{name}}}" in str(error)), None)
        if named is None:
            raise
        raise CommandError(
            f"{error}. {named!r} is one of Airflow's params: write {{{{ params.{named} }}}} to use the param, or"
            f" give rows with a column {named!r} in parameters=[...]"
        ) from error
    return rows


def _read_words(command: Any, dag: Any, rows: Rows | None) -> tuple[Word, ...]:
    """Return the words of a command; empty if they are unknown. Raises CommandError.

    A word that contains Jinja is replaced by a word with only its placeholders.
    """
    if isinstance(command, Unknown | str) or not isinstance(command, list | tuple):
        return ()
    env, words = _environment(), []
    for word in command:
        if not isinstance(word, str):
            words.append(word if isinstance(word, Word) else Word(("any",)))
            continue
        found, variables = read_columns(word, env)
        for name in variables & set(rows.columns if rows else ()):
            if _is_undefined(name, dag):
                raise CommandError(f"the word {word!r} uses the column {name!r} as a Jinja variable: write {{{name}}}")
        words.append(found)
    if not words or not command[0]:
        raise CommandError("there is no command: give its words, for example ['python3', '^run.py']")
    return tuple(word if word.parts else Word(("any",)) for word in words)


@cache
def _environment() -> Any:
    from jinja2 import Environment

    return Environment()


def _is_undefined(name: str, dag: Any) -> bool:
    """True if a template of the DAG fails when it uses the Jinja variable `name`."""
    if dag is None or name in KNOWN_CONTEXT_KEYS or dag.jinja_environment_kwargs:
        return False
    return dag.template_undefined.__name__ == "StrictUndefined" and name not in (dag.user_defined_macros or {})
