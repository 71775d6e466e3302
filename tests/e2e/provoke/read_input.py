"""Reads the file that its argument names; where that is gone from the store by then the cause is `stage`."""

import sys
from pathlib import Path

print(len(Path(sys.argv[1]).read_text()))
