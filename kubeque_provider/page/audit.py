"""Entries in Airflow's audit log for changes of a sweep that users make on its page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kubeque_provider.page.rights import User

#: Prefix of the names of events in the audit log.
EVENT_PREFIX = "kubeque_"


def write_audit(user: User, action: str, origin: Mapping[str, str], extra: Mapping[str, Any]) -> None:
    """Write an entry about an action of a user on a sweep. Raises SQLAlchemyError.

    `origin`: origin of the sweep's job. `extra`: further data, which the entry contains as JSON.
    """
    from airflow.models.log import Log
    from airflow.utils.session import create_session

    with create_session() as session:
        session.add(
            Log(
                event=EVENT_PREFIX + action, owner=user.name, owner_display_name=user.display_name,
                extra=json.dumps(extra), dag_id=origin["dag"], run_id=origin["run"], task_id=origin["task"],
                map_index=int(origin["map_index"]),
            )
        )  # fmt: skip
