"""Check kinds: each is one file, one line in `table.py`, one test and one page of documentation."""
