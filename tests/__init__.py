"""Tests that share two cores: numbers are summed by one thread each, as in the processes of the line."""

import os

# Before numpy is loaded. Threads of several workers spin while they wait for each other: many times what they sum.
os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
