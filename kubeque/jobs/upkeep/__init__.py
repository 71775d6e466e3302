"""Keep jobs and stores in order: reconcile and remove jobs, and delete garbage."""
