"""The origin of a sweep: the identity and the address of the Airflow that submits it, and the script of its tasks."""
