"""The origin of a sweep: the Airflow that submits it, from which address, and with which script."""
