"""The layout of a fetch: the path of each fetched file below the destination."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from kubeque.files.safe_paths import path_part
from kubeque.lazy_dataclass import dataclass
from kubeque.model.command.command import Part, Placeholder, Word, parse_word
from kubeque.model.errors import CommandError, UserError
from kubeque.model.rows.rows import INDEX
from kubeque.model.suggestions import suggest
from kubeque.model.text import cut
from kubeque.model.wording import option

#: Placeholders in a template of `--flat` for the parts of a file's own path.
FILE_FIELDS = ("name", "stem", "suffix", "path")
#: Maximum length of a part of a template with its values in which a slash separates folders, bytes. A path has at most
#: 4096 bytes on Linux, and an unsafe character becomes three.
_VALUE_BYTES = 1000
#: Prefixes of placeholders. They distinguish a part of the file's path from a column with the same name.
_FILE, _PARAMETER = "file.", "param."


@dataclass(frozen=True, slots=True)
class Layout:
    """A rule for the paths of fetched files: a template for folders of tasks, or for files of one flat folder."""

    template: str = "{index}"
    #: True: the template is the name of each file. False: the template is the path of each task's folder.
    is_flat: bool = False

    @property
    def is_standard(self) -> bool:
        """True if each task has the folder `{index}`."""
        return self == STANDARD

    @property
    def text(self) -> str:
        """The option of the command line that selects this layout."""
        return option("flat" if self.is_flat else "layout", f"'{self.template}'")

    def to_record(self) -> dict[str, Any] | None:
        """Return the stored form of this layout; None for the standard layout."""
        return None if self.is_standard else {"template": self.template, "flat": self.is_flat}


STANDARD = Layout()


def choose_layout(flat: str | None, layout: str | None) -> Layout:
    """Return the layout for the values of the options `--flat` and `--layout`. None: the option is not set.

    Raises UserError if both options are set, or if a template is not valid.
    """
    if flat is not None and layout is not None:
        raise UserError(f"{option('flat')} and {option('layout')} exclude each other: give one of them")
    template = flat if flat is not None else layout
    if template is None:
        return STANDARD
    chosen = Layout(template if flat is not None else template.removesuffix("/"), flat is not None)
    _parse_parts(chosen)
    return chosen


def _parse_parts(layout: Layout) -> list[Word]:
    """Return the parts of a template between its slashes.

    Raises UserError for a template that is not valid, for example because it leads out of the destination.
    """
    try:
        # `parse_word` reads the added caret as the mark of an upload. A caret in the template then has no meaning.
        parsed = parse_word(f"^{layout.template}").parts
    except CommandError as error:
        raise UserError(f"{layout.text} is empty or has an unbalanced brace; {_example(layout)}") from error
    words = [Word(tuple(part for part in parts if part)) for parts in _split(parsed)]
    for word in words:
        if wrong := _describe_fault(word):
            raise UserError(f"{layout.text} {wrong}; {_example(layout)}")
    if layout.is_flat and len(words) > 1:
        folders = option("layout")
        raise UserError(f"{layout.text} has a slash, but all files go into one folder: {folders} makes folders")
    return words


def _split(parts: Iterable[Part]) -> list[list[Part]]:
    """Split a parsed template at its slashes. A slash inside a placeholder is a part of a column's name."""
    found: list[list[Part]] = [[]]
    for part in parts:
        first, *others = part.split("/") if isinstance(part, str) else [part]
        found[-1].append(first)
        found += [[other] for other in others]
    return found


def _describe_fault(word: Word) -> str:
    literal = "".join(part for part in word.parts if isinstance(part, str))
    if not word.parts:
        return "has an empty part"
    if word.prefix.startswith((".", "-")):
        return f"has {word.prefix[0]!r} at the start of a part"
    return "has a character that a path cannot have" if path_part(f"a{literal}") != f"a{literal}" else ""


def _example(layout: Layout) -> str:
    example = "'{lr}-{seed}-{name}'" if layout.is_flat else "'{lr}/{seed}'"
    return f"write for example {option('flat' if layout.is_flat else 'layout', example)}"


class ResultPaths:
    """The paths of the files of one job in a layout."""

    def __init__(self, layout: Layout, columns: Collection[str]) -> None:
        """Parse the template of `layout`. `columns`: the columns of the rows of the job.

        Raises UserError for placeholders that are unknown.
        """
        self.layout = layout
        self._columns = columns
        self._words = _parse_parts(layout)
        #: The source of each placeholder: _PARAMETER and a column, or _FILE and one of FILE_FIELDS.
        self._sources: dict[str, tuple[str, str]] = {}
        faults = []
        for name in dict.fromkeys(name for word in self._words for name in word.columns):
            if source := self._find(name):
                self._sources[name] = source
            else:
                faults.append(f"unknown name {{{cut(name)}}}: {suggest(name, self._known(), 'names')}")
        if faults:
            raise UserError(f"{layout.text}: {'; '.join(faults)}")

    @property
    def used(self) -> set[str]:
        """The columns that the template uses."""
        return {name for source, name in self._sources.values() if source == _PARAMETER}

    def placeholder(self, column: str) -> str:
        """Return the placeholder for the value of a column."""
        is_part = self.layout.is_flat and column in FILE_FIELDS
        return f"{{{_PARAMETER}{column}}}" if is_part else f"{{{column}}}"

    def _known(self) -> list[str]:
        return [*self._columns, INDEX, *(FILE_FIELDS if self.layout.is_flat else ())]

    def _find(self, name: str) -> tuple[str, str] | None:
        """Return the source of a placeholder; None if it is unknown.

        In a flat layout, the names of FILE_FIELDS, such as `stem`, mean a part of the file's path, even if a column has
        the same name.
        """
        fields = FILE_FIELDS if self.layout.is_flat else ()
        if name in fields:
            return _FILE, name
        if name in self._columns or name == INDEX:
            return _PARAMETER, name
        if name.removeprefix(_FILE) in fields:
            return _FILE, name.removeprefix(_FILE)
        if name.startswith(_PARAMETER) and name.removeprefix(_PARAMETER) in self._columns:
            return _PARAMETER, name.removeprefix(_PARAMETER)
        return None

    def folder(self, row: Mapping[str, str]) -> str:
        """Return the folder of a task below the destination. `row`: the values of the task, with its index.

        A slash in a value separates folders.
        """
        return "/".join(part for word in self._words for part in _split_value(self._fill(word, row, {})))

    def file(self, row: Mapping[str, str], name: str) -> str:
        """Return the path of the file `name` of a task below the destination."""
        if not self.layout.is_flat:
            return f"{self.folder(row)}/{name}"
        path = PurePosixPath(name)
        fields = {"name": path.name, "stem": path.stem, "suffix": path.suffix, "path": name}
        return path_part(self._fill(self._words[0], row, fields).replace("/", "_"))

    def _fill(self, word: Word, row: Mapping[str, str], fields: Mapping[str, str]) -> str:
        return "".join(self._value(part, row, fields) for part in word.parts)

    def _value(self, part: str | Placeholder, row: Mapping[str, str], fields: Mapping[str, str]) -> str:
        if isinstance(part, str):
            return part
        source, name = self._sources[part.name]
        return row[name] if source == _PARAMETER else fields[name]


def _split_value(text: str) -> list[str]:
    """Return the names of folders for one part of a template, in which the values of a row are inserted.

    Empty names and `.` are left out. A very long text stays one name, which is cut.
    """
    names = [name for name in text.split("/") if name not in ("", ".")]
    is_short = len(text.encode("utf-8", "surrogatepass")) <= _VALUE_BYTES
    return [path_part(name) for name in (names if names and is_short else [text])]


def fold(name: str) -> str:
    """Return a name in a fixed case and Unicode form, because some file systems ignore differences of these."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
