"""Rules of a consumer's decisions, each with its own state and without input and output."""
