"""How results become time and time becomes figures: arrays in, numbers out, called by server and notebook alike.

`spans` keeps what was observed, `policy` says how to read it, `periods` what to treat apart, `timeline` turns the one
into the other, `reading` does so for all results of an application, `tally` counts it, `ledger` counts it as it grows,
`budget` judges it against a promise; `sketch` keeps response times.

Instants and durations are integers in one unit, whichever the caller keeps: the server counts milliseconds, the
notebook microseconds. Nothing here depends on which it is.
"""
