"""What one can do with a job from outside."""
