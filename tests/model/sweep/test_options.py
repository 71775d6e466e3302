"""The table of sweep options is complete: fields of a sweep, options of pods, the command line and `--like`."""

from __future__ import annotations

from dataclasses import fields

import pytest

from kubeque.cli.commands.run.sub import sub
from kubeque.cli.sweep_options import to_jobspec
from kubeque.model.errors import JobspecError, ResourceError, UserError
from kubeque.model.job.job import Job
from kubeque.model.job.spec import JobSpec
from kubeque.model.sweep.jobspec import read_jobspec
from kubeque.model.sweep.option import Option
from kubeque.model.sweep.options import BY_NAME, OPTIONS
from kubeque.model.sweep.pod_options import PodOptions
from kubeque.model.sweep.sweep import Sweep

#: Fields that no option sets: computed from other options, taken from a job, or set by an Airflow task.
COMPUTED = {"function", "rows", "inputs", "inputs_of_command", "pod", "origin"}
#: Options of one call, which no jobspec holds.
CALL = {"repair", "file", "revise", "replace", "force", "dry_run", "no_directives", "yes", "as_json", "command", "help"}
#: Options that `--like` derives from several values of a job, and those that belong to one submission.
LIKE_DERIVES = {"command", "push", "memory", "max_memory", "disk", "retry_causes", "secret_file"}
LIKE_LEAVES = {"base", "name", "skip_done", "try"}


def test_every_field_of_a_sweep_has_an_option():
    assert {option.sweep_field for option in OPTIONS} - {""} == {field.name for field in fields(Sweep)} - COMPUTED


def test_every_option_of_a_pod_has_an_option():
    assert {option.name for option in OPTIONS if option.pod} == {field.name for field in fields(PodOptions)}


def test_every_option_but_command_and_base_has_flags_and_every_flag_an_option():
    parameters = {name for param in sub.params if not getattr(param, "hidden", False) and (name := param.name)}
    assert {option.name for option in OPTIONS if option.flags} == parameters - CALL
    assert {option.name for option in OPTIONS if not option.flags} == {"command", "base"}


def test_like_keeps_every_field():
    kept = {option.name for option in OPTIONS if option.kept}
    assert {option.name for option in OPTIONS if option.sweep_field} - kept == LIKE_DERIVES | LIKE_LEAVES
    names = {"job": {field.name for field in fields(Job)}, "spec": {field.name for field in fields(JobSpec)}}
    for option in OPTIONS:
        if option.kept:
            record, _, attribute = option.kept.partition(".")
            assert attribute in names[record], option.name


def test_help_is_one_sentence_that_fits_a_line():
    for option in OPTIONS:
        assert option.help.endswith("."), option.name
        assert len(option.text) <= 110, option.name


RENAMED = [option for option in OPTIONS if option.old_flags]


@pytest.mark.parametrize("option", RENAMED, ids=lambda option: option.name)
def test_an_old_flag_is_a_hidden_alias(option: Option):
    value = "lost=2" if option.kind.many else "5m"
    old = sub.make_context("sub", [option.old_flags[-1], value, "true"]).params
    assert to_jobspec(old) == to_jobspec(sub.make_context("sub", [option.flags[-1], value, "true"]).params)
    both = sub.make_context("sub", [option.old_flags[-1], value, option.flags[-1], value, "true"]).params
    with pytest.raises(UserError, match=f"{option.old_flags[-1]} is the old name of {option.flags[-1]}"):
        to_jobspec(both)


def test_an_old_key_of_a_jobspec_is_an_alias():
    assert read_jobspec(b'{"retries": {"lost": 5}}', "j") == {"retry_causes": {"lost": 5}}
    with pytest.raises(JobspecError, match=r"retries is .*: write numbers by cause"):
        read_jobspec(b'{"retries": 5}', "j")
    with pytest.raises(
        JobspecError, match="'retries' and 'retry_causes' are the same key: remove the old name, 'retries'"
    ):
        read_jobspec(b'{"retries": {"lost": 5}, "retry_causes": {"lost": 5}}', "j")
    assert "retries" not in BY_NAME


def test_a_lease_has_a_lower_bound():
    assert Sweep(["true"], lease="5s").check().lease == "5s"
    with pytest.raises(ResourceError, match="lease '4s' is too short: give at least 5s"):
        Sweep(["true"], lease="4s").check()
