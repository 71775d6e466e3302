"""Read and write files in folders and stores, and stage inputs."""
