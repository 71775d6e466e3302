"""The page of sweeps inside Airflow: its requests and responses, and its server for each version of Airflow."""
