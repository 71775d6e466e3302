"""The scripts for completion in bash and zsh, in place of the scripts of the library click.

Click's scripts have three faults for `kubeque sub`. In bash, `=` and `:` split a word, so nothing after `--grid lr=0.1`
is completed. In bash and zsh, a blank is added after the name of a folder. In bash, special characters of a file name
are not quoted. For fish, the script of click is used.
"""

from __future__ import annotations

import os

from click.shell_completion import (
    BashComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

#: Script for bash. `%q` quotes the name of a file that follows a `^` or `@`, unless the word begins with a quote.
_BASH = r"""%(complete_func)s() {
    local type value
    COMPREPLY=()
    while IFS=, read -r type value; do
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain)
                if [[ $value == [\^@]* && ${COMP_WORDS[COMP_CWORD]} != [\'\"]* ]]; then
                    printf -v value '%%s%%q' "${value:0:1}" "${value:1}"
                fi
                [[ $value != */ ]] || compopt -o nospace
                COMPREPLY+=("$value") ;;
        esac
    done < <(env COMP_LINE="${COMP_LINE:0:COMP_POINT}" %(complete_var)s=bash_complete "$1")
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""
#: Script for zsh. `compset` separates the value of an option from `--option=`. `-S ''` adds no blank after a folder.
_ZSH = """\
#compdef %(prog_name)s
%(complete_func)s() {
    local type key descr
    local -a response names folders
    (( $+commands[%(prog_name)s] )) || return 1
    local at=$((CURRENT-1)) line="${words[*]}"
    response=("${(@f)$(env COMP_WORDS="$line" COMP_CWORD=$at %(complete_var)s=zsh_complete %(prog_name)s)}")
    [[ $PREFIX != --*=* ]] || compset -P '*='
    local -a described
    for type key descr in ${response}; do
        case $type in
            plain) if [[ $descr != _ ]]; then described+=("$key:$descr")
                elif [[ $key == */ ]]; then folders+=("$key")
                else names+=("$key"); fi ;;
            dir) _path_files -/ ;;
            file) _path_files -f ;;
        esac
    done
    (( ! $#described )) || _describe -V unsorted described
    (( ! $#names )) || compadd -V unsorted -a names
    (( ! $#folders )) || compadd -V unsorted -S '' -a folders
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
"""


class _Bash(BashComplete):
    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the cursor, and the word at the cursor. A word can contain `=` and `:`."""
        line = os.environ.get("COMP_LINE")
        if line is None:  # a shell that loaded the script of an earlier version
            return super().get_completion_args()
        words = split_arg_string(line)
        at_word = len(words) > 1 and not line[-1:].isspace()
        return words[1:-1] if at_word else words[1:], words[-1] if at_word else ""


class _Zsh(ZshComplete):
    source_template = _ZSH


for _kind in (_Bash, _Zsh):
    add_completion_class(_kind)


def completion_class(shell: str) -> type[ShellComplete]:
    """Return click's class for the completion in a shell. `shell`: "bash", "zsh" or "fish"."""
    found = get_completion_class(shell)
    assert found is not None  # click knows these three
    return found
