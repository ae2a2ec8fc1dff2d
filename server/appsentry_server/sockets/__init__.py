"""The socket side: who follows which stream, and the requests that arrive."""
