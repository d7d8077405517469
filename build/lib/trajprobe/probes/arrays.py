"""The arrays that probes pass around; shapes stand in the docstrings."""

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.floating]
Integers = NDArray[np.int64]
