"""The tests; those that run in parallel take one thread each for what numpy, scikit-learn and torch compute."""

import os

if "PYTEST_XDIST_WORKER" in os.environ:  # before numpy is imported, and for all programs that the tests start
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
