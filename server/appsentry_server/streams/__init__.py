"""Numbered streams: what happened, in order, committed before anyone hears of it."""
