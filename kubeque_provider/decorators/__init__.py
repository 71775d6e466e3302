"""`@task.kubeque`: a Python function over the rows of a sweep."""
