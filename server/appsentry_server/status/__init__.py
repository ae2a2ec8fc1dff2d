"""How every application stands, reduced from results: no clock, no history, no wire; instants are handed in."""
