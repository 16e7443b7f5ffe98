"""Starts a step module: `python -P -m recipes.common.launch recipes.torchtune.train REQUEST`.

The imports of a step module can take many seconds. This module watches stdin before they begin, so that the process
ends if the runner dies during the imports.
"""

import runpy
import sys

from recipes.common.protocol import end_with_parent

if __name__ == "__main__":
    end_with_parent()
    module = sys.argv.pop(1)
    runpy.run_module(module, run_name="__main__", alter_sys=True)
