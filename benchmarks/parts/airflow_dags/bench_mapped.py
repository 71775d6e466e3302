"""The baseline: a mapped Airflow task without work for each row."""

import os

import pendulum
from airflow.sdk import dag, task


@dag(schedule=None, start_date=pendulum.datetime(2026, 1, 1))
def mapped():
    @task
    def nothing(n):
        """Do nothing for one row."""

    nothing.expand(n=list(range(int(os.environ["BENCH_MAPPED"]))))


mapped()
