"""Functions that read values for the page from Airflow's database."""

from __future__ import annotations

from typing import Any

from kubeque_provider.airflow_versions import AIRFLOW_2


def read_xcoms(key: str, most: int, dag_id: str = "", run_id: str = "") -> list[tuple[str, Any, float]]:
    """Return the XCom values with the key `key` as tuples of DAG id, value and Unix time. The newest comes first.

    `most`: maximum number of values. `dag_id`, `run_id`: return only the values of this DAG run; if they are empty,
    return the values of all DAGs.
    """
    from airflow.utils.session import create_session
    from sqlalchemy import select

    if AIRFLOW_2:
        from airflow.models.xcom import BaseXCom as Value
    else:
        from airflow.models.xcom import XComModel as Value
    query = select(Value).where(Value.key == key)
    if dag_id:
        query = query.where(Value.dag_id == dag_id, Value.run_id == run_id)
    with create_session() as session:
        found = session.scalars(query.order_by(Value.timestamp.desc()).limit(most)).all()
        # Airflow 2 deserializes a value when it loads the value.
        return [
            (one.dag_id, one.value if AIRFLOW_2 else Value.deserialize_value(one), one.timestamp.timestamp())
            for one in found
        ]


def newest_bundle_version(name: str) -> str:
    """Return the newest version of a DAG bundle that Airflow has parsed.

    Return an empty text if it is unknown, or if the bundle has no versions.
    """
    if AIRFLOW_2 or not name:
        return ""
    from airflow.models.dagbundle import DagBundleModel
    from airflow.utils.session import create_session

    with create_session() as session:
        found = session.get(DagBundleModel, name)
        return str(found.version or "") if found is not None else ""
