"""The origin of a sweep: the Airflow that submits it, the address of this Airflow, and the script."""
