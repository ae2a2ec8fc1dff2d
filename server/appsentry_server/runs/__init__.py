"""Test runs: every chosen check of the chosen applications, once, on demand."""
