"""The rules for a consumer's decisions. Each rule has its own state and does no I/O."""
