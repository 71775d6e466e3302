"""Where bytes live: stores, digests, staging."""
