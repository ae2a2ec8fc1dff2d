"""Other tools' histories and configurations, read as ours: used by the notebook side and the command line alike."""
