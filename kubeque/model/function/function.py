"""The files that a task needs in order to call a Python function with the values of its row."""

from __future__ import annotations

import ast
import builtins
import dis
import functools
import hashlib
import inspect
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType
from typing import Any

from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import CommandError
from kubeque.model.function import call_function
from kubeque.model.function.arguments import (
    argument_kinds,
    cast_arguments,
    check_values,
    columns_as_given,
)
from kubeque.model.function.call_function import AS_GIVEN, LARGEST_OUT, RETURN_FILE
from kubeque.model.job.spec import FunctionCall
from kubeque.model.rows.rows import Rows
from kubeque.model.text import describe

#: Name of the program that calls the function. No function can have this name.
PROGRAM = "kubeque-call.py"
#: Maximum length of the function's name in the name of its script, in characters. File systems limit names.
_NAME_CHARACTERS = 50
_REMEDY = "define a function with def that calls it with the values of a row"
#: Decorators that are removed from the source of a function before it is sent.
_LEFT_BEHIND = {"kubeque", "kubeque_task", "setup", "teardown", "skip_if", "run_if"}

# Annotations are not evaluated, because the image may lack their types. All names of kubeque are inside one function,
# so that they cannot hide names of the user.
_FUNCTION = """\
from __future__ import annotations

{source}


def {main}(function):
    import json, runpy

    call = runpy.run_path({program!r})["call"]
    call(function, json.loads({constants}), json.loads({kinds}))


if __name__ == "__main__":
    {main}({name})
"""

# The file that called a function in kubeque 0.1. Row keys still contain the digest of this file in place of the
# function and its call. So rows of existing series do not run again.
_KEYED = """\
from __future__ import annotations

{source}


def {main}(function):
    import json, os, sys{builtins}

    bools = {{"true": True, "false": False}}
    casts = {{"int": int, "float": float, "str": str, "bool": lambda text: bools[text.lower()]}}

    def cast(name, text, kind):
        try:
            return casts[kind](text)
        except (ValueError, KeyError):
            sys.exit("{name}: the column %r must be %s, and %r is not" % (name, kind, text))

    def plain(value):
        if type(value).__module__.split(".")[0] == "numpy":
            return value.tolist()
        sys.exit("{name} returned a %s: return a value that JSON can hold" % type(value).__name__)

    with open("row.json", encoding="utf-8") as file:
        row = json.load(file)
    arguments = json.loads({constants})
    for name, kind in json.loads({kinds}).items():
        arguments[name] = cast(name, row[name], kind)
    value = function(**arguments)
    if value is None:
        return
    whole = json.dumps(value, default=plain)
    value = json.loads(whole)
    out = value if isinstance(value, dict) else {{"value": value}}
    text = json.dumps({{k: json.dumps(v) if isinstance(v, (dict, list)) else v for k, v in out.items()}})
    if len(text) > {largest}:
        with open({file!r}, "w", encoding="utf-8") as file:
            file.write(whole)
        text = json.dumps({{"return_file": {file!r}}})
    with open(os.environ["KUBEQUE_OUT"], "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    {main}({name})
"""


@dataclass(frozen=True, slots=True)
class FunctionFiles:
    """The files that a task needs in order to call a function."""

    #: Name and text of the file with the function, which a task runs. The name has a prefix. Without it, a function
    #: `math` would have the file `math.py`, which `import math` would load.
    name: str
    text: str
    call: FunctionCall

    def write(self, folder: Path) -> None:
        """Write the file of the function, and the program that calls it, into a folder."""
        (folder / self.name).write_text(self.text, encoding="utf-8")
        (folder / PROGRAM).write_text(inspect.getsource(call_function), encoding="utf-8")


def function_files(
    function: Callable[..., Any], rows: Rows, constants: Mapping[str, Any] | None = None
) -> FunctionFiles:
    """Return the files with which a task calls `function` once.

    The arguments of the call are `constants` and the values of the row. Both are converted to the types of their
    annotations. Raises CommandError for a function that cannot be sent or called, and for a value that does not fit an
    annotation.
    """
    check_function(function)
    node, source = _source(function)
    name, given = node.name, cast_arguments(function, constants or {})
    kinds = argument_kinds(function, rows, given)
    check_values(name, kinds, rows)
    try:
        given_text = json.dumps(given)
    except (TypeError, ValueError) as error:
        raise CommandError(f"{name} is called with a value that JSON cannot hold: {error}") from error
    parts = {
        "source": source, "name": name, "constants": ascii(given_text),
        "main": "kubeque_main_" if name == "kubeque_main" else "kubeque_main",
    }  # fmt: skip
    text = _FUNCTION.format(**parts, kinds=ascii(json.dumps(kinds)), program=PROGRAM)
    file = f"kubeque_{name[:_NAME_CHARACTERS]}.py"
    return FunctionFiles(file, text, FunctionCall(_key(parts, kinds), (file, PROGRAM), columns_as_given(kinds)))


def _key(parts: Mapping[str, str], kinds: Mapping[str, str]) -> str:
    """Return the SHA-256 (hex) that represents a function and its call in row keys."""
    casts = {argument: "str" if kind == AS_GIVEN else kind for argument, kind in kinds.items()}
    name = parts["name"]
    keyed = _KEYED.format(
        **parts, kinds=ascii(json.dumps(casts)), largest=LARGEST_OUT, file=RETURN_FILE,
        builtins=f"\n    from builtins import {name}" if hasattr(builtins, name) else "",
    )  # fmt: skip
    return hashlib.sha256(keyed.encode()).hexdigest()


def source_folder(function: Callable[..., Any]) -> Path:
    """Return the folder of the file that defines a function.

    For a function of a notebook, this folder may not exist.
    """
    return Path(function.__code__.co_filename).absolute().parent


def split_partial(function: Any) -> tuple[Any, dict[str, Any]]:
    """Return the function that a `functools.partial` calls, and the arguments that it sets, keyed by name.

    Any other object is returned unchanged, without arguments. Raises CommandError if the arguments do not fit the
    function.
    """
    if not isinstance(function, functools.partial):
        return function, {}
    check_function(function.func)
    try:
        bound = inspect.signature(function.func).bind_partial(*function.args, **function.keywords)
    except TypeError as error:
        raise CommandError(f"the partial of {_describe(function.func)} has wrong arguments: {error}") from error
    return function.func, dict(bound.arguments)


def check_source(function: Any) -> None:
    """Raise CommandError if `function` is not a plain function, or if it uses names that are defined outside of it."""
    check_function(function)
    _source(function)


def check_function(function: Any) -> None:
    """Raise CommandError if `function` is not a Python function, is wrapped by a decorator, or is a generator."""
    if isinstance(function, FunctionType):
        if hasattr(function, "__wrapped__"):
            raise CommandError(
                f"{_describe(function)} is wrapped by a decorator, and kubeque does not send decorators: {_REMEDY}"
            )
        if inspect.isgeneratorfunction(function):
            raise CommandError(f"{_describe(function)} is a generator: return a list, because a row has one result")
        return
    if isinstance(function, functools.partial):
        what = "a partial, whose arguments are not sent"
    elif isinstance(function, MethodType):
        what = "a method, whose object is not sent"
    elif isinstance(function, type):
        what = "a class"
    elif callable(function):
        what = "a builtin function" if isinstance(function, BuiltinFunctionType) else "an object, which is not sent"
    else:
        what = "not a function"
    raise CommandError(f"{_describe(function)} is {what}: {_REMEDY}")


def _describe(function: Any) -> str:
    name = getattr(function, "__name__", None)
    return name if isinstance(name, str) and name.isidentifier() else describe(function)


def _source(function: Callable[..., Any]) -> tuple[ast.FunctionDef, str]:
    """Return the definition of a function, and its source without decorators.

    Raises CommandError if it cannot be sent.
    """
    name = _describe(function)
    try:
        source = inspect.getsource(function)
    except (OSError, TypeError) as error:
        raise CommandError(f"the source of {name} cannot be read: define it with def in a file or a cell") from error
    # The source is not dedented, because that would change string literals of several lines.
    shift = "if True:\n" if source[:1].isspace() else ""
    try:
        top = ast.parse(shift + source).body[0]
    except SyntaxError:  # a lambda: the source is the rest of its line
        top = ast.Pass()
    node = top.body[0] if isinstance(top, ast.If) else top
    if not isinstance(node, ast.FunctionDef):
        raise CommandError(f"{name} is not a plain function: define it with def, not as lambda or async")
    if node.name.startswith("__"):
        raise CommandError(
            f"the function name {node.name} is reserved by Python: choose a name without two underscores"
        )
    for decorator in node.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if getattr(called, "attr", getattr(called, "id", "")) not in _LEFT_BEHIND:
            raise CommandError(
                f"{name} has the decorator @{ast.unparse(called)}, and kubeque does not send decorators: call"
                f" {ast.unparse(called)} inside {name}"
            )
    _check_alone(function, node)
    lines = (shift + source).splitlines(keepends=True)
    return node, shift + "".join(lines[node.lineno - 1 :])


def _check_alone(function: Callable[..., Any], node: ast.FunctionDef) -> None:
    """Raise CommandError if the function uses a name that is defined outside of it."""
    code, defaults = function.__code__, [*node.args.defaults, *filter(None, node.args.kw_defaults)]
    in_defaults = {at.id for default in defaults for at in ast.walk(default) if isinstance(at, ast.Name)}
    there = function.__globals__
    own = {node.name, "__name__", "__file__", *(name for name in dir(builtins) if name not in there)}
    outside = [*code.co_freevars, *sorted((_find_globals(code) | in_defaults) - own)]
    for name in outside:
        if name != node.name:
            raise CommandError(
                f"{node.name} uses {name!r}, which is defined outside {node.name} and is not sent: "
                f"import or define {name!r} inside {node.name}; or make {name!r} an argument, which"
                f" functools.partial({node.name}, {name}=...) sets for all rows; or define {name!r} in a module,"
                f' send it with push=["MODULE.py"], and import it inside {node.name}'
            )


def _find_globals(code: CodeType) -> set[str]:
    found = {at.argval for at in dis.get_instructions(code) if at.opname == "LOAD_GLOBAL"}
    stored = {at.argval for at in dis.get_instructions(code) if at.opname == "STORE_GLOBAL"}
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            found |= _find_globals(inner)
    return found - stored
