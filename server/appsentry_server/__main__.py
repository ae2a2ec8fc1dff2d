"""`python -m appsentry_server` is the command `appsentry`."""

from appsentry_server.cli import main

if __name__ == "__main__":
    main()
