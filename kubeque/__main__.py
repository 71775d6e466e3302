"""`python -m kubeque`: the same as `kubeque`."""

from __future__ import annotations

from kubeque.cli.__main__ import main

if __name__ == "__main__":
    main()
