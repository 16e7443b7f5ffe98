"""One thread for every test: tiny matrices gain nothing from more, and threads that spin while they wait make the tests
many times slower on a busy machine. Set before anything imports torch."""

import importlib.util
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Each trainer's tests run in its own environment.
collect_ignore = [name for name in ("axolotl", "torchtune") if importlib.util.find_spec(name) is None]
