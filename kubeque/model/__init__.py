"""What things are: values, rules and errors. Pure; nothing here writes or waits, and only the configuration reads."""
