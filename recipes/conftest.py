"""Environment of all tests, set before torch is imported. Tests use one thread: tiny matrices gain nothing from more,
and threads that spin while they wait make the tests many times slower on a busy machine.
"""

import importlib.util
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
# As the runner sets it: see runner/execution/environment.ts.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

# The tests of a backend run only in an environment that has its package, which has the name of the folder.
_BACKENDS = [file.parent.name for file in Path(__file__).parent.glob("*/train.py")]
collect_ignore = [name for name in _BACKENDS if importlib.util.find_spec(name) is None]
