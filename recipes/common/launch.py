"""Starts a step module: `python -P recipes/common/launch.py recipes.torchtune.train REQUEST`.

The runner starts this file by its path, so that the folder that contains recipes/ is not on the module path while
Python starts: a sitecustomize module there would run. Child processes find the package by PYTHONPATH.

The imports of a step module can take many seconds. This module watches stdin before they begin, so that the process
ends if the runner dies during the imports.
"""

import os
import runpy
import sys
from pathlib import Path

if __name__ == "__main__":
    code = str(Path(__file__).resolve().parents[2])
    sys.path.insert(0, code)
    os.environ["PYTHONPATH"] = code

    from recipes.common.protocol import end_with_parent

    end_with_parent()
    module = sys.argv.pop(1)
    runpy.run_module(module, run_name="__main__", alter_sys=True)
