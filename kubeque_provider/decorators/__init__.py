"""The decorator `@task.kubeque`: a Python function that runs for each row of a sweep."""
