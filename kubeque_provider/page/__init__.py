"""The page of sweeps inside Airflow: what it asks and is told, and how each Airflow serves it."""
