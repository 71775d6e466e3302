"""Commands that manage where consumers run."""
