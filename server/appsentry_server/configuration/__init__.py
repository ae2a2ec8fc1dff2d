"""The configuration file: its model, how it is read, and how a change is taken up."""
