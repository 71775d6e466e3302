"""The parts of kubeque in Airflow's own pages."""
