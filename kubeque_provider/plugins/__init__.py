"""Plugins for Airflow: the page of sweeps, and the checks of whole DAGs."""
