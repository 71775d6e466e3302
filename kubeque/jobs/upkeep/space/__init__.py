"""Find and free space: unused inputs in the store, cached inputs and other files of this machine."""
