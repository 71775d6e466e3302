"""Task groups for common uses of the operators."""
