"""A sweep of 10,000 rows in the DAG itself. (Airflow reads no file without these two words.)"""

from bench_sweeps import sweep

inline = sweep("inline_10000", [{"n": n} for n in range(10000)])
