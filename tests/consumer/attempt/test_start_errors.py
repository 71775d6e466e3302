"""Commands that cannot be started."""

from __future__ import annotations

import sys

import pytest

from kubeque.model.job.causes import Cause

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


def test_a_program_that_is_not_there(bench):
    ended = bench.run("no-such-program", "x", env={"PATH": "/usr/bin:/bin"})

    assert (ended.cause, ended.code) == (Cause.EXIT, 127)
    assert "'no-such-program' was not found: upload it as ^no-such-program, or install it" in ended.message
    assert ended.message.endswith("; the PATH is /usr/bin:/bin")
    assert bench.stderr == f"kubeque: {ended.message}\n"


def test_a_file_that_is_not_there(bench):
    ended = bench.run("./render.py")

    assert ended.code == 127
    assert "'./render.py' was not found: upload it as ^render.py" in ended.message


@pytest.mark.parametrize(
    ("content", "mode", "code", "says"),
    [
        ("#!/no/such/python3\n", 0o755, 127, "begins with '#!/no/such/python3\\n'"),
        ("#!/bin/sh\r\necho hi\r\n", 0o755, 127, "begins with '#!/bin/sh\\r\\n'"),
        ("echo hi", 0o644, 126, "set its executable bit (chmod +x)"),
        ("echo hi", 0o755, 126, "neither a script that begins with #!"),
    ],
)
def test_a_script_that_cannot_be_run_says_why(bench, content, mode, code, says):
    script = bench.folder / "work" / "render.py"
    script.write_text(content, newline="")
    script.chmod(mode)

    ended = bench.run("./render.py")

    assert (ended.cause, ended.code) == (Cause.EXIT, code)
    assert "'./render.py'" in ended.message
    assert says in ended.message


def test_a_folder_is_no_program(bench):
    (bench.folder / "work" / "folder").mkdir()

    assert "'./folder' is a folder" in bench.run("./folder").message


@linux
def test_an_argument_that_the_kernel_refuses_is_named(bench):
    ended = bench.run("echo", "short", "x" * 140_000)

    assert (ended.cause, ended.code) == (Cause.EXIT, 126)
    assert "argument 2 of 'echo' is too long for the kernel: 140000 bytes" in ended.message


@pytest.mark.parametrize(("argv", "env"), [(["echo", "a\0b"], {}), (["echo"], {"A=B": "1"}), (["echo", "\ud800"], {})])
def test_what_no_program_can_receive_is_an_end_not_an_exception(bench, argv, env):
    ended = bench.run(*argv, env={"PATH": "/bin", **env})

    assert (ended.cause, ended.code) == (Cause.EXIT, 126)
    assert "'echo'" in ended.message


def test_a_machine_that_cannot_start_anything_is_to_blame_itself(bench):
    (bench.folder / "work").rmdir()

    ended = bench.run("echo")

    assert (ended.cause, ended.code) == (Cause.STAGE, None)
    assert str(bench.folder / "work") in ended.message
