from __future__ import annotations

import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from kubeque.model.command.command import Placeholder, parse_word
from kubeque.model.command.shell import arithmetic_columns, shell_script
from kubeque.model.errors import CommandError
from kubeque.model.rows.parameters import from_records
from kubeque.model.sweep.sweep import Sweep

NASTY = [
    "a b", "  two  ", "$(touch ran)", "`touch ran`", "; touch ran", "' ; touch ran; '", '" ; touch ran; "', "$HOME",
    "*", "\\", "'", '"', "a\nb", "\n touch ran", "# x", "~", "{zoom}", "^x", "", "-n", "ü", "a)b; touch ran", "}; x",
]  # fmt: skip


def script(text: str, **row: str) -> str:
    return shell_script(
        part if isinstance(part, str) else (part, row[part.name])
        for part in parse_word(text, braces_double=False).parts
    )


def run(text: str, folder: Path, **row: str) -> str:
    argv = ["/bin/sh", "-c", script(text, **row)]
    return subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=20, check=True).stdout


@pytest.mark.parametrize("value", NASTY)
@pytest.mark.parametrize(
    "text",
    [
        "printf '[%s]' {v}",
        "printf '[%s]' \"{v}\"",
        "printf '[%s]' '{v}'",
        "echo it\\'s >/dev/null; printf '[%s]' {v}",
        "echo \"it's\" >/dev/null; printf '[%s]' {v}",
        "# don't\nprintf '[%s]' {v}",
        "(cd /; (printf '[%s]' {v}))",
        "x=$(printf '[%s.]' {v}); printf %s \"$x\"",
        'x="$(printf \'[%s.]\' "{v}")"; printf %s "$x"',
        'x="$(printf \'[%s.]\' {v})"; printf %s "$x"',
        'x="`printf \'[%s.]\' {v}`"; printf %s "$x"',
        "x=$((1 + (2 * 3))); printf '[%s]' \"{v}\"",
        "y=abc; printf '[%s]' ${{y#a}} >/dev/null; printf '[%s]' {v}",
    ],
)
def test_a_value_arrives_as_it_is_wherever_the_author_put_it(tmp_path, text, value):
    text = text.replace("${{y#a}}", "$\\{y#a\\}")

    got = run(text, tmp_path, v=value)

    assert got in (f"[{value}]", f"[{value}.]")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("value", NASTY)
@pytest.mark.parametrize(
    "text",
    [
        "cat <<EOF\n{v}\nEOF\n",
        "cat <<'EOF'\n{v}\nEOF\n",
        'x=$(case a in a) printf %s {v};; esac); echo "$x"',
        "echo ${x:-{v}}",
        ": # {v}\necho",
        "echo 'a\\' {v}",
    ],
)
def test_a_value_is_never_run_even_where_the_quotes_are_misjudged(tmp_path, text, value):
    text = text.replace("${x:-{v}}", "$\\{x:-{v}\\}")

    run(text, tmp_path, v=value)

    assert not (tmp_path / "ran").exists()


def test_a_value_can_be_counted_with(tmp_path):
    assert run("echo $(({a} + 2 * ({b})))", tmp_path, a="3", b="4") == "11\n"


EVALUATED = ["a[$(touch ran)0]", "a[`touch ran`]", "x", "$(touch ran)", "1]; touch ran", "b=a[$(touch ran)]", "1e"]


@pytest.mark.parametrize("value", EVALUATED)
@pytest.mark.parametrize(
    "text",
    [
        "echo $(({v}))", 'echo "$(( 1 + {v} ))"', "x=$( echo $(( ({v}) )) )", "echo `echo $(({v}))`", "((x = {v}))",
        "echo $[ {v} ]", "true; let x={v}", "cat <<EOF\n$(( {v} ))\nEOF\n", "echo $(( 1 + $(( {v} )) ))",
    ],
)  # fmt: skip
def test_shell_arithmetic_never_evaluates_a_value(text: str, value: str) -> None:
    with pytest.raises(CommandError, match="some shells run such a value as code in arithmetic"):
        script(text, v=value)
    assert arithmetic_columns(parse_word(text, braces_double=False).parts) == ("v",)


#: Commands in which bash or zsh runs the value `a[$(touch ran)]`.
EVALUATING = [
    "[[ {v} -eq 1 ]]", "[[ 1 -lt {v} ]]", 'if [[ x == x && "{v}" -ge 1 ]]; then :; fi', "[[ -v {v} ]]", "[ -v {v} ]",
    "test -v {v}", '! test -v "{v}"', "[ x = y -o -v {v} ]", "[[ x\n -eq {v} ]]", "[ {v} -eq 1 ]",
    "declare -i x={v}", "declare -ri x={v}", "typeset -i x; x={v}", "local -i x; y=1; x+={v}", "declare {v}",
    "declare {v}=1", "export {v}", "readonly {v}=1", "declare -n r={v}; echo $r", "integer x={v}",
    "declare -a x='({v})'", "command declare {v}", "\\declare {v}", "declare -i \\\n x={v}",
    "echo $\\{y[{v}]\\}", "echo $\\{#y[{v}]\\}", "y[{v}]=1", "y[1+{v}]+=1", "y=([{v}]=1)", "unset y[{v}]",
    "echo $\\{y:{v}\\}", "echo $\\{y:1:{v}\\}", "echo $\\{@:{v}\\}", "echo $\\{y[@]:{v}\\}",
    "if let x={v}; then :; fi", "while let 'x < {v}'; do break; done", "command let x={v}", "\\let x={v}",
    "printf -v {v} x", 'printf -v "{v}" %s x', "printf -va{v} x", "read {v}", "read -r x {v} < f", "unset {v}",
    "mapfile -t {v}", "getopts ab {v}", "RANDOM={v}", "OPTIND={v}; getopts a b", "PS4={v}; set -x",
    "x={v}; echo $((x + 1))", "x={v}\necho $(( $x ))", "x='{v}'; ((x++))", "x=0{v}; echo $[x]", "x={v}; let y=x",
    "for x in 1 {v}; do echo $((x)); done", "x={v}; [[ $x -eq 1 ]]", "x={v}; echo $\\{!x\\}", "x={v}; y[x]=1",
    "x={v}; echo $\\{y[x]\\}", "x={v}; echo $\\{y:x\\}", "set -- {v}; echo $(($1))", "x={v}; echo $\\{x@P\\}",
    'read -r x <<< "{v}"; echo $((x))', "a=1 read {v}", "f() \\{ declare -i x={v}; \\}",
]  # fmt: skip


@pytest.mark.parametrize("text", EVALUATING)
def test_no_other_place_evaluates_a_value(text: str) -> None:
    assert arithmetic_columns(parse_word(text, braces_double=False).parts) == ("v",)
    with pytest.raises(CommandError, match="some shells run such a value"):
        script(text, v="a[$(touch ran)]")
    assert script(text, v="3")


#: Commands in which no shell runs a value.
DATA = [
    "[ {v} = x ]", "[[ {v} == x && 1 -eq 1 ]]", "test -f {v}", "[ -n {v} ] && [ 1 -eq 1 ]", "echo -ne {v}",
    "export X={v}; local Y={v}", "readonly X='{v}'", "f() \\{ local x={v} y; echo $x; \\}", "x={v}; echo $\\{x:0:3\\}",
    "echo $\\{x:-{v}\\}", "ls a[{v}]", "git unset {v}", "tool read {v}", "read -r x < {v}", "printf '%s' -v {v}",
    "printf -v x %s {v}", "x={v}; i=1; echo $((i + 1)) $x", "python3 -c 'd[\"k\"]' {v}", "# declare -i x={v}\necho",
    "awk '\\{print $1[2]\\}' {v}", "sed -ne p {v}", "y=({v})", "let x=1; echo {v}", "for x in {v}; do echo $x; done",
    "env X={v} true", "declare -r x={v}", "set -e; cat {v}", "set -- {v}; echo $1", "docker export {v}",
    "echo '$((' {v} '))'", "x={v}; echo $\\{#x\\}", "wait; cat {v}", 'x={v}; echo "http:$x $\\{y\\} a[x]"',
    "RANDOM_NAME={v}; echo $RANDOM_NAME",
]  # fmt: skip


@pytest.mark.parametrize("text", DATA)
@pytest.mark.parametrize("shell", ["bash", "dash", "zsh"])
def test_other_places_take_any_text_as_data(tmp_path: Path, shell: str, text: str) -> None:
    assert arithmetic_columns(parse_word(text, braces_double=False).parts) == ()
    for value in EVALUATED[:2]:
        argv = [shell, "-c", script(text, v=value)]
        with suppress(FileNotFoundError):  # this shell is not installed
            subprocess.run(argv, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False)
        assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("value", ["-3", "0x1F", "1.5", "2 + 3", " 7 ", "", "(1)", "1e3", "010"])
def test_numbers_and_operators_are_allowed_in_arithmetic(value: str) -> None:
    assert "$((${kq1_v} + 1))" in script("echo $(({v} + 1))", v=value)


def test_a_word_after_arithmetic_may_be_any_text() -> None:
    assert arithmetic_columns(parse_word("echo $((1)) {v}; let x=1; echo let {v}", braces_double=False).parts) == ()


def test_a_sweep_with_text_in_arithmetic_is_refused() -> None:
    rows = from_records([{"n": "1"}, {"n": "a[$(id)]"}])
    with pytest.raises(CommandError, match=r"the value 'a\[\$\(id\)\]' of column 'n' is not a number"):
        Sweep(["echo $(( {n} ))"], rows=rows, shell=True).check()
    Sweep(["echo {n}"], rows=rows, shell=True).check()


def test_a_script_reads_as_the_author_wrote_it():
    assert script("sort < in | head -n 3 > out") == "sort < in | head -n 3 > out"
    assert script('run {a} "{b c}" {a}', **{"a": "1", "b c": "x y"}) == (
        'kq1_a=1 kq2_b_c=\'x y\'\nrun "${kq1_a}" "${kq2_b_c}" "${kq1_a}"'
    )


def test_columns_that_look_alike_as_variables_stay_apart(tmp_path):
    got = run("echo {x-y} {x.y} {x y}", tmp_path, **{"x-y": "1", "x.y": "2", "x y": "3"})

    assert got == "1 2 3\n"


def test_a_column_is_a_value_with_a_name():
    assert shell_script(["echo ", (Placeholder("größe"), "1")]).startswith("kq1_gr__e=1\n")
