"""Create, resize and delete clusters on Google Kubernetes Engine."""
