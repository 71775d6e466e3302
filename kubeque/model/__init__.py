"""What things are: values, rules and errors. Pure; nothing here reads, writes or waits."""
