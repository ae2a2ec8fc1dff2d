"""Figures from result frames: accounts under any policy, what sets two of them apart, and the rows behind them.

Everything here works on a frame alone and needs no server. Instants are counted in whole microseconds inside, by the
accounting that the server's cards use too; tables show UTC instants and seconds.
"""
