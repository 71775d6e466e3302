"""The decorator `@task.kubeque`; the stub beside this file has the types of its arguments."""

from kubeque_provider.decorators.task_decorator import kubeque_task

__all__ = ["kubeque_task"]
