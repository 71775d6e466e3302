"""Which answers of a real Airflow are sent for again: only errors of its own database."""

from __future__ import annotations

import json

import pytest

from tests.servers.airflow import database_error

_LOG = "Serious error when handling your request. Check logs for more details - you will find it in api server"


def answer(reason: str) -> str:
    """Return an error as Airflow's API server sends it."""
    detail = {
        "reason": reason,
        "statement": "hidden",
        "orig_error": "hidden",
        "message": f"{_LOG} when you look for ID a1",
    }
    return f"Internal Server Error: {json.dumps({'detail': detail}, separators=(',', ':'))}"


def test_an_error_of_the_database_of_airflow_is_found_with_its_id() -> None:
    assert database_error(500, answer("Database error")) == "a1"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (500, "Internal Server Error: Internal Server Error"),
        (500, 'Internal Server Error: {"detail":"An error occurred while trying to deserialize Dag: Database error"}'),
        (409, answer("Unique constraint violation")),
        (500, answer("Value rejected by database")),
        (404, answer("Database error")),
    ],
)
def test_every_other_error_is_an_error_of_the_test(code: int, text: str) -> None:
    assert database_error(code, text) == ""
