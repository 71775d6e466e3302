"""Forms of Airflow's web pages.

These modules import only the standard library, because Airflow reads them to discover the provider.
"""
