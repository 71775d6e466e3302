"""Pictures of pages for the documentation, in two sizes and both themes."""

from __future__ import annotations

import os
import time
from pathlib import Path

from tests.servers.tab import Tab

#: Width and height of the windows, in pixels.
SIZES = ((1400, 900), (500, 800))
THEMES = ("light", "dark")
#: Colours of a picture.
_COLOURS = 255
#: Seconds for transitions and fonts, before a picture is taken.
_SETTLE_SECONDS = 1.5


def set_size(tab: Tab, width: int, height: int) -> None:
    tab.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)


def picture(tab: Tab, name: str, script: str = "0") -> None:
    """Write what can be seen to the folder KUBEQUE_PICTURES, if it is set. Needs the extra `picture`.

    `script`: JavaScript that is run just before, for example to hide the name of a temporary folder.
    """
    if not (folder := os.environ.get("KUBEQUE_PICTURES")):
        return
    from PIL import Image

    time.sleep(_SETTLE_SECONDS)
    path = Path(__file__).parents[2] / folder / f"{name}.png"
    path.parent.mkdir(exist_ok=True, parents=True)
    tab.says(script)
    tab.picture(path)
    with Image.open(path) as drawn:
        small = drawn.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
    small.save(path, optimize=True)
