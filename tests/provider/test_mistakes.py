"""Mistakes of a DAG's author, numbered: each is an error or a warning when the DAG is parsed, is accepted, or is one
line when the Airflow task runs."""

from __future__ import annotations

import re
import textwrap
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kubeque_provider.exceptions import BadSweep
from kubeque_provider.operators.submit import KubequeSubmitOperator
from tests.calls import count_calls
from tests.provider.conftest import Run

HEAD = """\
import datetime
from datetime import timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, task

from kubeque.model.rows.parameters import grid, sequence
from kubeque_provider.decorators.kubeque import kubeque_task
from kubeque_provider.operators.collect import KubequeCollectOperator
from kubeque_provider.operators.fetch import KubequeFetchOperator
from kubeque_provider.operators.reset import KubequeResetOperator
from kubeque_provider.operators.submit import KubequeSubmitOperator
from kubeque_provider.sensors.job import KubequeJobSensor
from tests.calls import count_calls

ROWS = [{"lr": 0.1}, {"lr": 0.2}]
FACTOR = 2


def submit(**fields):
    fields = {"task_id": "s", "command": ["/bin/echo", "{lr}"], "parameters": ROWS, "wait": True, **fields}
    return KubequeSubmitOperator(**fields)


def fetch(**fields):
    return KubequeFetchOperator(**{"task_id": "f", "job_id": "a", "dest": "/tmp/results", **fields})


@task
def upstream(value):
    return value


@kubeque_task(task_id="s", parameters=[{"x": 1}, {"x": 2}])
def scale(x: int, factor: float):
    return x * factor


"""
DAG = """\
with DAG("{name}", schedule=None, start_date=datetime.datetime(2026, 1, 1)) as dag:
"""


@dataclass(frozen=True)
class Mistake:
    """A mistake, and the words that each message about the mistake contains."""

    code: str
    words: tuple[str, ...] = ()
    #: True if the code comes before the DAG.
    before: bool = False


def error(code: str, *words: str, before: bool = False) -> Mistake:
    return Mistake(code, words, before)


#: Errors of the import.
ERRORS = {
    "01_command_is_one_text": error("submit(command='echo {lr}')", "'echo {lr}'", "list of texts"),
    "02_unknown_column": error("submit(command=['echo', '{lrr}'])", "unknown column {lrr}", "the columns are lr"),
    "03_column_as_jinja": error("submit(command=['echo', '{{ lr }}'])", "'{{ lr }}'", "write {lr}"),
    "04_unbalanced_brace": error("submit(command=['sh', '-c', 'f() { ls'])", "unbalanced brace", "\\{"),
    "05_json_in_a_word": error("submit(command=['echo', '{\"a\": 1}'])", '{"a": 1} in the command is not a', "\\{"),
    "06_no_command": error("submit(command=[])", "there is no command", "^run.py"),
    "07_wrong_template": error("submit(command=['{{ ds', '{lr}'])", "not a valid template", "'{{ ds'"),
    "08_none_in_a_row": error("submit(parameters=[{'lr': 1}, {'lr': None}])", "row 1, column 'lr'", "missing=''"),
    "09_nan_in_a_row": error("submit(parameters=[{'lr': float('nan')}])", "row 0, column 'lr'", "nan"),
    "10_rows_are_uneven": error("submit(parameters=[{'lr': 1}, {'rl': 1}])", "row 1", "the same keys"),
    "11_dict_in_a_row": error("submit(parameters=[{'lr': {'a': 1}}])", "row 0, column 'lr'", "type dict"),
    "12_rows_are_one_dict": error("submit(parameters={'lr': [1, 2]})", "are one dict", "list of dicts", "grid("),
    "13_rows_are_a_number": error("submit(parameters=3)", "the parameters are 3", "sequence(3)"),
    "13_rows_are_a_task_function": error("submit(parameters=upstream)", "the function 'upstream' itself", "upstream()"),
    "14_rows_are_numbers": error("submit(parameters=[1, 2])", "row 0 is a value of type int, not a dict", "columns="),
    "15_rows_are_expanded": error(
        "KubequeSubmitOperator.partial(task_id='s', command=['{lr}']).expand(parameters=ROWS)", "are one dict",
        "without .expand",
    ),
    "16_params_instead_of_parameters": error("submit(parameters=None, params={'lr': 1})", "{lr}", "parameters=[...]"),
    "17_template_in_a_row": error("submit(parameters=[{'lr': '{{ ds }}'}])", "render_rows=True", "render_rows=False"),
    "18_memory": error("submit(memory='2 gigs')", "memory '2 gigs'", "512Mi"),
    "19_cores": error("submit(cpu='many')", "cpu 'many'", "500m"),
    "20_time": error("submit(task_timeout='a while')", "task_timeout 'a while'", "30m"),
    "21_orphan_after_too_short": error("submit(orphan_after=timedelta(seconds=6))", "orphan_after=6", "at least 15 s"),
    "22_on_clear": error("submit(on_clear='failed')", "on_clear 'failed'", "failed_rows"),
    "23_keeper": error("submit(keeper='maybe')", "keeper 'maybe'", "auto, yes, no"),
    "24_unknown_cause": error("submit(retry_causes={'crash': 3})", "'crash'", "the causes are"),
    "25_share": error("submit(allow_failed='3 percent')", "allow_failed '3 percent'", "1%"),
    "26_template_where_none_is_rendered": error(
        "submit(max_failures='{{ params.n }}')", "max_failures", "renders no templates"
    ),
    "27_number_of_consumers": error("submit(consumers=0)", "consumers 0", "from 1"),
    "28_job_is_an_operator": error("fetch(job_id=submit())", "job_id is the Airflow task 's'", "s.output"),
    "29_name_of_a_job": error("submit(job_id='a/b')", "'a/b'"),
    "30_timeout": error("submit(timeout='5m')", "'timeout'", "did you mean 'task_timeout'"),
    "31_conn_id": error("submit(conn_id='x')", "'conn_id'", "did you mean 'kubeque_conn_id'"),
    "32_cmd": error("submit(cmd=['x'])", "'cmd'", "did you mean 'command'"),
    "33_indexes": error("fetch(indexes='3-')", "'3-'", "3,5-9"),
    "34_state": error("fetch(state='done')", "state 'done'", "ok or failed"),
    "35_table_of_a_spreadsheet": error(
        "KubequeCollectOperator(task_id='c', job_id='a', dest='/t.xlsx')", "/t.xlsx", ".parquet or .csv"
    ),
    "36_cause_of_a_reset": error(
        "KubequeResetOperator(task_id='r', job_id='a', only_cause=['crash'])", "'crash'", "the causes are"
    ),
    "37_patterns_are_one_text": error("submit(results='*.png')", "results '*.png'", "list of texts"),
    "38_label_of_a_node": error("submit(node_selector='pool')", "node_selector", "texts by name"),
    "39_environment_is_a_list": error("submit(env=['A=1'])", "env", "texts by name"),
    "40_function_with_a_global": error(
        "@kubeque_task(parameters=[{'x': 1}])\ndef f(x: int):\n    return x * FACTOR\n\n\n", "f uses 'FACTOR'",
        "make 'FACTOR' an argument", before=True,
    ),
    "41_function_without_an_argument": error("scale()", "scale takes 'factor'", "pass 'factor' in the call"),
    "42_argument_that_is_none": error("scale(factro=2)", "scale: got an unexpected keyword argument 'factro'"),
    "43_column_in_the_call": error("scale(x=3, factor=2)", "the argument 'x' of scale is in the call"),
    "44_text_for_a_number": error("scale(factor='twice')", "scale takes 'factor' as float", "'twice'"),
    "45_date_in_the_call": error("scale(factor=datetime.date(2026, 1, 1))", "scale takes 'factor' as float", "date"),
    "46_async_function": error(
        "@kubeque_task(parameters=[{'x': 1}])\nasync def f(x: int):\n    return x\n\n\n", "f is not a plain function",
        before=True,
    ),
    "47_row_that_does_not_fit": error(
        "@kubeque_task(parameters=[{'x': 'one'}])\ndef f(x: int):\n    return x\n\n\n"
        "with DAG('d', schedule=None, start_date=datetime.datetime(2026, 1, 1)):\n    f()\n\n", "row 0: f takes 'x'",
        "'one'", before=True,
    ),
    "48_columns_of_dicts": error("submit(columns=['lr'])", "row 0: dict is not a list of values", "leave out columns"),
    "49_negative_time": error("submit(deadline=timedelta(hours=-1))", "deadline", "30m"),
}  # fmt: skip
#: Warnings while the DAG is parsed.
WARNINGS = {
    "49_shell_word": error("submit(command=['echo', '{lr}', '>', 'out.txt'])", "'>'", "shell=True"),
    "49_column_of_a_file": error(
        "submit(command=['echo', '{x}', '{y}'], parameters='rows.csv')", "unknown column {y}", "'rows.csv' are x"
    ),
    "50_missing_script": error("submit(command=['python3', '^nowhere.py', '{lr}'])", "'^nowhere.py'", "nowhere.py"),
    "51_missing_table": error("submit(command=['/bin/true'], parameters='none.csv')", "'none.csv'", "none.csv"),
    "52_script_without_upload": error(
        "submit(command=['python3', 'there.py', '{lr}'])", "'^there.py'", "upload the file"
    ),
    "53_missing_push": error("submit(push=['lib/'])", "push: 'lib/'", "does not exist"),
    "54_job_id_twice": error(
        "submit(job_id='a'); submit(task_id='t', job_id='a')", "job_id 'a' is also the job_id of 's'"
    ),
}
#: DAGs that do what their author means.
ACCEPTED = {
    "55_times": error("submit(task_timeout=timedelta(minutes=5), results_ttl=timedelta(days=30), lease='3m',"
                      " poke_interval=timedelta(seconds=5), deadline=timedelta(hours=1))"),
    "56_number_of_a_template": error("submit(consumers='{{ 1 + 1 }}', priority='{{ 3 }}')"),
    "57_path": error("fetch(dest=Path('/tmp/results'))"),
    "58_template_in_a_row": error("submit(parameters=[{'lr': '{{ ds }}'}], render_rows=True)"),
    "59_braces_in_a_row": error("submit(parameters=[{'lr': '{{ x }}'}], render_rows=False)"),
    "60_number_in_a_call": error("scale(factor='{{ 0.5 }}')"),
    "61_labels_of_a_template": error("submit(node_selector={'pool': '{{ params.pool }}'})"),
}  # fmt: skip
#: Errors of a task: one line each.
RUNS = {
    "69_no_such_xcom": error(
        "fetch(job_id='{{ none }}')", "job_id='{{ none }}' was rendered as 'None'", "job_id=sweep.output"
    ),
    "70_no_job": error("fetch(job_id='nobody')", "there is no job 'nobody'", "page of sweeps"),
    "71_script_is_missing": error("submit(command=['python3', '^nowhere.py'])", "nowhere.py"),
    "72_table_is_missing": error("submit(command=['/bin/true'], parameters='none.csv')", "none.csv"),
    "73_connection": error("submit(kubeque_conn_id='nowhere')", "the connection 'nowhere' does not exist"),
    "74_number_of_a_template": error("submit(consumers='{{ ds }}')", "consumers '2026-01-01'", "whole number"),
    "75_text_of_a_template": error("scale(factor='{{ ds }}')", "scale takes 'factor' as float", "'2026-01-01'"),
    "76_unwritable_dest": error("fetch(job_id=submit().output, dest='/proc/no')", "/proc/no"),
    "77_unknown_variable": error("submit(command=['echo', '{{ nothing }}'])", "'nothing' is undefined", "{column}"),
    "78_no_kubeconfig": error("submit(cluster='kubernetes://', image='a')", "kubeconfig"),
    "79_folder_with_other_files": error(
        "fetch(job_id=submit().output, dest=str(Path(__file__).parent))", "is not empty", "force=True"
    ),
}  # fmt: skip
ALL = {**ERRORS, **WARNINGS, **ACCEPTED, **RUNS}
#: Options and commands of the command line.
SHELL = re.compile(r"(?<![\w-])--\w|kubeque (status|list|reset|watch|sub)\b")


def dag_bag(folder: Path) -> Any:
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:
        from airflow.models.dagbag import DagBag
    return DagBag(str(folder), safe_mode=False)


def execute_all(dag: Any) -> None:
    """Execute the Airflow tasks of a DAG in order. Each task gets the outputs of earlier tasks."""
    run = Run()
    for operator in dag.topological_sort():
        if hasattr(getattr(operator, "job_id", None), "resolve"):
            operator.job_id = run.xcoms["s", "job_id"]
        run.execute(operator, ds="2026-01-01")


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The DAGs of all mistakes, with one file for each mistake."""
    folder = tmp_path_factory.mktemp("mistakes")
    (folder / "there.py").write_text("print(1)\n")
    (folder / "rows.csv").write_text("x\n1\n")
    for name, mistake in ALL.items():
        before, inside = (mistake.code, "pass") if mistake.before else ("", mistake.code)
        body = textwrap.indent(inside, "    ")
        (folder / f"m{name}.py").write_text(HEAD + before + DAG.format(name=f"m{name}") + body + "\n")
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        bag = dag_bag(folder)
    return bag, [f"{w.category.__name__}: {w.message}" for w in seen]


def import_error(bag: Any, name: str) -> str:
    return "".join(text for path, text in bag.import_errors.items() if path.endswith(f"m{name}.py"))


@pytest.mark.parametrize("name", ERRORS)
def test_what_can_never_run_is_an_error_of_the_import(parsed: Any, name: str) -> None:
    text = import_error(parsed[0], name)
    last = text.strip().splitlines()[-1] if text else "no error"
    assert [word for word in ERRORS[name].words if word not in last] == [], last
    assert text.count("Traceback") <= 1
    assert not SHELL.search(last)


@pytest.mark.parametrize("name", WARNINGS)
def test_what_may_not_run_is_a_warning(parsed: Any, name: str) -> None:
    bag, seen = parsed
    assert import_error(bag, name) == ""
    found = [text for text in seen if f"m{name}." in text]
    collected = [text for texts in bag.captured_warnings.values() for text in texts if f"m{name}." in text]
    assert found
    assert all(word in found[0] for word in WARNINGS[name].words), found
    if "twice" not in name:  # Airflow collects no warnings of policies
        assert "KubequeWarning" in collected[0]
        assert re.search(rf"m{name}.py:\d+", collected[0])


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_the_author_means_is_accepted(parsed: Any, name: str) -> None:
    bag, seen = parsed
    assert import_error(bag, name) == ""
    assert [text for text in seen if f"m{name}." in text] == []


@pytest.mark.parametrize("name", RUNS)
def test_the_rest_is_one_line_of_the_airflow_task(
    parsed: Any, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    bag, _ = parsed
    assert import_error(bag, name) == ""
    with pytest.raises(BadSweep) as failed:
        execute_all(bag.dags[f"m{name}"])
    line = str(failed.value)
    assert "\n" not in line
    assert failed.value.__cause__ is None
    assert failed.value.__suppress_context__
    assert [word for word in RUNS[name].words if word not in line] == [], line
    assert not SHELL.search(line), line


def test_the_check_of_rows_in_a_dag_has_a_limit() -> None:
    # Given rows of which Airflow itself reads none
    rows = [{"x": n, "lr": n / 2, "name": f"row {n}"} for n in range(100_000)]

    # When an operator is made with them, and one with the first of them
    def calls_of(parameters: Any) -> int:
        return count_calls(
            lambda: KubequeSubmitOperator(task_id="s", command=["/bin/echo", "{x}"], parameters=parameters), "kubeque"
        )

    # Then both do the same work
    calls_of(rows[:1000])  # imports modules and compiles constructors
    assert calls_of(rows) <= calls_of(rows[:1000])
    assert calls_of(rows[:10]) < 2500
