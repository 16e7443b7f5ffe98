"""Starts a step module: `python -P -m recipes.common.launch recipes.torchtune.train REQUEST`.

The module's imports alone take many seconds, so the runner is watched before they begin.
"""

import runpy
import sys

from recipes.common.protocol import end_with_parent

if __name__ == "__main__":
    end_with_parent()
    module = sys.argv.pop(1)
    runpy.run_module(module, run_name="__main__", alter_sys=True)
