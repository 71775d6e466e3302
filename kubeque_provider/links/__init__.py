"""Links from an Airflow task to its sweep."""
