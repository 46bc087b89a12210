"""The groups of the `aurigraph` command. Each module owns one group; cli.py puts them together."""
