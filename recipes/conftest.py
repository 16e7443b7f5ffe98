"""Environment of all tests, set before torch is imported. Tests use one thread: tiny matrices gain nothing from more,
and threads that spin while they wait make the tests many times slower on a busy machine.
"""

import importlib.util
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
# As the runner sets it: see runner/execution/environment.ts.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

# The tests of a trainer run only in its own environment.
collect_ignore = [name for name in ("axolotl", "torchtune") if importlib.util.find_spec(name) is None]
