"""Where tasks wait: blocks, leases and the stores that keep them."""
