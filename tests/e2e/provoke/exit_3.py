"""Ends with exit code 3: cause `exit`."""

import sys

print("no such model", file=sys.stderr)
sys.exit(3)
