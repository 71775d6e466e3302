"""The page of sweeps inside Airflow: requests, responses, and the server code for each version of Airflow."""
