"""The history: every result, event, run and test, kept in one DuckDB file that this process alone owns."""
