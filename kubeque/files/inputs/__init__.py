"""Find, hash and store the inputs of a job."""
