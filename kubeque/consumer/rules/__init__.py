"""The rules of a consumer's decisions. Each rule has its own state, and does no I/O."""
