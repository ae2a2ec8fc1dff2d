"""The scenario player: scripted outages in virtual time, through the real pipeline, with a truth that is known."""
