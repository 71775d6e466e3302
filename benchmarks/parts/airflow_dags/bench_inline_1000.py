"""A sweep of 1,000 rows in the DAG itself. (Airflow reads no file without these two words.)"""

from bench_sweeps import sweep

inline = sweep("inline_1000", [{"n": n} for n in range(1000)])
