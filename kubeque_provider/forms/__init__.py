"""Forms of Airflow's web pages. These modules import nothing, because Airflow reads them to discover the provider."""
