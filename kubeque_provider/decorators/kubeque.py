"""The decorator `@task.kubeque`. The stub file `kubeque.pyi` declares the types of its arguments."""

from kubeque_provider.decorators.task_decorator import kubeque_task

__all__ = ["kubeque_task"]
