"""Users of the page of sweeps, for tests that need no Airflow."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Person:
    """A user with rights for some DAGs. None: for all of them."""

    dags: tuple[str, ...] | None = None
    logs: bool = True
    edits: tuple[str, ...] = ()
    connections: bool = True
    name: str = "anna"
    display_name: str = "Anna"

    def may_read(self, dag_id: str | None, *, logs: bool = False) -> bool:
        return (self.dags is None or dag_id in self.dags) and (self.logs or not logs)

    def may_edit(self, dag_id: str) -> bool:
        return dag_id in self.edits

    def may_read_connection(self, conn_id: str) -> bool:
        return self.connections


everybody = Person()
only_mine = Person(dags=("mine",), connections=False)
