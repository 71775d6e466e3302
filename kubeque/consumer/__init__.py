"""What happens inside the pod: the process that takes tasks and runs the user's command."""
