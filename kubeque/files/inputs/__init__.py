"""Find the inputs of a job, compute their digests, and upload them."""
