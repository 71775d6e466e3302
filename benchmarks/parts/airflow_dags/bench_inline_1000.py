"""An Airflow DAG with a sweep of 1,000 inline rows. (Airflow ignores files without the words "airflow" and "dag".)"""

from bench_sweeps import sweep

inline = sweep("inline_1000", [{"n": n} for n in range(1000)])
