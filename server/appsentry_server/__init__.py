"""The event server: runs checks, keeps every result and streams what happens."""
