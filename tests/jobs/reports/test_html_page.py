"""Pages from templates: every value is text, and the templates are found in a zip file too."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import kubeque
from kubeque.jobs.reports.drawing import Sample, make_drawing
from kubeque.jobs.reports.html_page import SHOWN, render_page
from kubeque.model.stats.spans import By

_PROGRAM = """
from kubeque.jobs.reports.drawing import Sample, make_drawing
from kubeque.jobs.reports import html_page
from kubeque.model.stats.spans import By
print(html_page.__file__)
print(html_page.render_page("timeline.html", title="from a zip", scripts=["timeline.js"],
                            drawing=make_drawing(Sample(10), {}, By.CONSUMER)))
"""


def timeline(title: str) -> str:
    drawing = make_drawing(Sample(10), {}, By.CONSUMER)
    return render_page("timeline.html", title=title, scripts=["timeline.js"], drawing=drawing)


def test_a_value_is_text_without_control_characters_and_with_a_limit() -> None:
    page = timeline('<b>"\x1b[2J' + "x" * 500)
    shown = page.split("<h1>")[1].split("</h1>")[0]
    assert shown.startswith("&lt;b&gt;&#34;\N{REPLACEMENT CHARACTER}[2Jxxx")
    assert shown.endswith("x…")
    assert len(shown) == SHOWN + len("&lt;b&gt;&#34;") - len('<b>"')


def test_the_templates_are_found_in_a_zip_file(tmp_path: Path) -> None:
    root, packed = Path(kubeque.__file__).parent, tmp_path / "kubeque.zip"
    with zipfile.ZipFile(packed, "w") as file:
        for path in root.rglob("*"):
            if path.suffix != ".pyc" and path.is_file():
                file.write(path, Path("kubeque") / path.relative_to(root))
    program = f"import sys; sys.path.insert(0, {str(packed)!r})\n{_PROGRAM}"
    ran = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    where, _, page = ran.stdout.partition("\n")
    assert where.startswith(str(packed))
    assert "<h1>from a zip</h1>" in page
    assert page.rstrip().endswith("</html>")


def test_modules_become_one_script() -> None:
    page = render_page(
        "timeline.html", title="t", drawing=make_drawing(Sample(10), {}, By.CONSUMER),
        scripts=["shared/make.js", "timeline.js", "shared/states.js"],
    )  # fmt: skip
    assert page.count("<script>") == 2
    assert not re.search(r"^(import|export)\b", page, re.MULTILINE)
