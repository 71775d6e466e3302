"""kubeque in Airflow: operators, sensors, triggers and the connection."""
