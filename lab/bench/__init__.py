"""Measurements of the line beside named peers, in the same run on the same machine."""

import os

# Before numpy is loaded: sums by one thread, as in the processes of the line.
os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
