"""Secret files: their forms, and errors that never show a part of their content."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubeque.model.errors import UserError
from kubeque.model.sweep.secret_files import (
    MAX_BYTES,
    SecretFile,
    absolute_secret_files,
    parse_secret_file,
    read_variables,
    refuse_elsewhere,
)

BASE = Path("/work")
LINES = SecretFile(BASE / "login.env")
TOKEN = SecretFile(BASE / "token", "TOKEN")


@pytest.mark.parametrize(
    ("text", "file"),
    [
        ("TOKEN=token", TOKEN),
        ("login.env", LINES),
        ("/etc/a=b", SecretFile(Path("/etc/a=b"))),
        ("A=B=C", SecretFile(BASE / "B=C", "A")),
    ],
)
def test_the_two_forms(text: str, file: SecretFile) -> None:
    assert parse_secret_file(text, BASE) == file
    assert parse_secret_file(str(file), Path("/elsewhere")) == file, "an absolute path keeps its form"


@pytest.mark.parametrize("text", ["", "TOKEN="])
def test_a_missing_path_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"secret.file .*: write NAME=PATH, or the path of a file"):
        parse_secret_file(text, BASE)


def test_relative_paths_become_absolute() -> None:
    assert absolute_secret_files(["TOKEN=token", "login.env"], BASE) == ["TOKEN=/work/token", "/work/login.env"]


def test_the_values_are_exact() -> None:
    lines = b"# logins\r\n\nUSER_NAME=ada\r\nPASSWORD= a=b 'c' # d\nEMPTY=\n"
    assert read_variables([(LINES, lines), (TOKEN, b"first\nsecond \xff\n")], ["OTHER"]) == {
        "USER_NAME": "ada", "PASSWORD": " a=b 'c' # d", "EMPTY": "", "TOKEN": "first\nsecond \udcff",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "taken", "message"),
    [
        ("A=1\nexport B=s3cret", (), "line 2: write NAME=VALUE"),
        ("s3cret", (), "line 1: write NAME=VALUE"),
        ("A = s3cret", (), "line 1: write NAME=VALUE"),
        ("A='s3cret'", (), "line 1: the quotes would be part of the value of A"),
        ('A="s3cret"', (), "line 1: the quotes would be part of the value of A"),
        ("A=1\nA=s3cret", (), "line 2: A is set twice"),
        ("A=s3cret", ("A",), "line 1: env sets A too"),
        ("KUBEQUE_OUT=s3cret", (), "tasks cannot get the variable KUBEQUE_OUT"),
        ("PWD=s3cret", (), "tasks cannot get the variable PWD"),
        ("A=s3cret\0", (), "contains a NUL byte"),
        ("# s3cret\n\n", (), "has no line NAME=VALUE: write NAME=/work/login.env"),
        ("A=" + "s3cret" * MAX_BYTES, (), "has more than 65536 bytes"),
    ],
)
def test_an_error_names_the_place_and_not_the_content(content: str, taken: tuple[str, ...], message: str) -> None:
    with pytest.raises(UserError) as caught:
        read_variables([(LINES, content.encode())], taken)
    assert message in str(caught.value)
    assert "/work/login.env" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_the_error_for_pods_has_the_commands_to_type() -> None:
    assert "kubectl create secret generic sweep-login --from-file=TOKEN=/work/token, and then" in str(
        refuse_elsewhere([TOKEN])
    )
    text = str(refuse_elsewhere([LINES]))
    assert "--from-env-file=/work/login.env" in text
    assert "env_from_secret sweep-login" in text
