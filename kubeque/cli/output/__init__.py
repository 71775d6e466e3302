"""What the command line prints: terminal, progress, tables and texts."""
