"""What is shown: the event stream reduced to a bounded, JSON-able board."""

from appsentry_kernel.picture.board import Board, Delta, empty_board, fold
from appsentry_kernel.picture.cards import PastResult
from appsentry_kernel.picture.picture import Picture

__all__ = ["Board", "Delta", "PastResult", "Picture", "empty_board", "fold"]
