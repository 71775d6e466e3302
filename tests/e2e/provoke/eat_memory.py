"""Needs 100 MB: with --memory 64Mi cause `oom`, then ok with twice as much."""

held = bytearray(100_000_000)
for at in range(0, len(held), 4096):
    held[at] = 1
