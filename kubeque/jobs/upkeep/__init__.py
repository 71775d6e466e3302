"""Keep jobs and stores in order: reconcile, remove, garbage collection."""
