"""What of kubeque is part of Airflow's own pages."""
