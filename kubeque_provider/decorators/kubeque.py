"""The decorator `@task.kubeque`. The stub beside this file has the types of the decorator's arguments."""

from kubeque_provider.decorators.task_decorator import kubeque_task

__all__ = ["kubeque_task"]
