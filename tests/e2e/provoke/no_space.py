"""Meets a full file system: cause `disk`."""

with open("/dev/full", "wb") as file:
    file.write(bytes(1 << 20))
