"""The CPU, memory and GPU use of a command over time."""
