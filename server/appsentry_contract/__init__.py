"""What the server and the notebook side agree on: words, instants, events, requests, columns and the accounting."""

__version__ = "0.1.0"
