"""Make self-contained HTML pages from Jinja templates. A page loads nothing, and runs only its own scripts.

All values are escaped. The templates are in the folder `templates`. Jinja is imported when a page is made, because most
processes make no page.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from kubeque.model.quantities import format_seconds
from kubeque.model.text import printable

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

#: Pattern of the words of a script that import a module or export a name. They are removed.
_MODULE_WORD = re.compile(r"^(?:import .*;\n|export (?=const|function|class))", re.MULTILINE)
#: Maximum length of a value on a page, characters.
SHOWN = 200


def render_page(template: str, *, title: str, scripts: Sequence[str], **values: Any) -> str:
    """Return an HTML page. `template`: name of a file in `templates`. `scripts`: names of files in this folder.

    Scripts that import or export names become one script, in the order of `scripts`, because a page cannot load
    modules. `values`: the variables of the template. The page shows at most SHOWN characters of a text. The filter
    `upto` in the template sets a different limit.
    """
    from markupsafe import Markup

    style = _read("page.css")
    code = list(_join_modules([_read(name) for name in scripts]))
    policy = (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; "
        f"script-src {' '.join(map(_hash, code))}; base-uri 'none'; form-action 'none'"
    )
    shell = {"policy": Markup(policy), "style": Markup(style), "scripts": [Markup(item) for item in code]}
    return _environment().get_template(template).render(**shell, title=title, **values)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        loader=FunctionLoader(lambda name: _read(f"templates/{name}")), autoescape=True, undefined=StrictUndefined,
        finalize=_clean, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters.update(seconds=format_seconds, thousands="{:,}".format, upto=_clean, when=format_time)
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    return environment


def format_time(at: float) -> str:
    """Return a Unix time as text in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _clean(value: object, limit: int = SHOWN) -> Markup:
    """Return a value as HTML text or attribute without control characters, at most `limit` characters long.

    A `Markup` is HTML that this module made, and is returned unchanged.
    """
    from markupsafe import Markup, escape

    return value if isinstance(value, Markup) else escape(printable(value, limit))


def _read(name: str) -> str:
    return files("kubeque.jobs.reports").joinpath(name).read_text(encoding="utf-8")


def _join_modules(scripts: Iterable[str]) -> Iterator[str]:
    """Yield the scripts that neither import nor export names. Then yield one script made from all other scripts.

    The other scripts, without their imports and without the word `export`, become the body of one function.
    """
    modules = []
    for script in scripts:
        if _MODULE_WORD.search(script):
            modules.append(_MODULE_WORD.sub("", script))
        else:
            yield script
    if modules:
        yield "\n".join(['"use strict";', "(() => {", *modules, "})();"])


def _hash(content: str) -> str:
    """Return the CSP source expression that permits one style or script (www.w3.org/TR/CSP3, 2.3.1)."""
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    return f"'sha256-{digest}'"
