"""Fewer points for the screen than there are: the picture stays, the notebook stays small."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

MOST_POINTS: Final = 4_000
"""What a line is thinned out to: two points a pixel of a wide screen."""

_THIN_ABOVE: Final = 5_000


def kept(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """The places to draw, in order: all of a short line, else those that keep its look, extremes included.

    MinMaxLTTB (Van Der Donckt et al., 2023): the least and greatest of each bucket, then largest triangles.
    """
    if len(x) <= _THIN_ABOVE:
        return np.arange(len(x))
    from tsdownsample import MinMaxLTTBDownsampler

    sampler: Any = MinMaxLTTBDownsampler
    places = sampler().downsample(x, y, n_out=MOST_POINTS)
    return np.asarray(places, dtype=np.intp)
