"""Forms of Airflow's web pages.

These modules import nothing of kubeque, because Airflow imports them when it discovers the provider.
"""
