"""All generated files of the repository, by path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from docs.generate.jobspec import jobspec_page, jobspec_schema
from docs.generate.manual import json_page, reference_page
from docs.generate.operator_code import decorator_stub, sweep_arguments_module
from docs.generate.operators import operators_page
from docs.generate.python_api import python_page

ROOT = Path(__file__).parents[2]
#: Functions that generate a file, by path below ROOT. The order matters: later files are made from earlier files.
FILES: Mapping[str, Callable[[], str]] = {
    "kubeque/model/sweep/jobspec.schema.json": jobspec_schema,
    "kubeque_provider/operators/sweep_arguments.py": sweep_arguments_module,
    "kubeque_provider/decorators/kubeque.pyi": decorator_stub,
    "docs/jobspec.md": jobspec_page,
    "docs/reference.md": reference_page,
    "docs/json.md": json_page,
    "docs/operators.md": operators_page,
    "docs/python.md": python_page,
}
