"""The queue: jobs, blocks, leases and the backends that store them."""
