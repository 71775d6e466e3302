"""Run commands of kubeque in one process. Standard output gets their codes and outputs.

Standard input, or the file that the first argument names, has the words of the commands as JSON.
"""

from __future__ import annotations

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from kubeque.cli.program import run


def answer(words: list[str]) -> tuple[int, str]:
    """Return exit code and output of one command."""
    output = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    sys.argv = ["kubeque", *words]
    with redirect_stdout(output), redirect_stderr(output):
        code = run(hears_interrupts=False)
    return code, output.buffer.getvalue().decode()


if __name__ == "__main__":
    text = Path(sys.argv[1]).read_text() if sys.argv[1:] else sys.stdin.read()
    print(json.dumps([answer(words) for words in json.loads(text)]))
