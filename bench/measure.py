"""Runs a command once and prints what it took, children that it waited for included, as JSON:

    python measure.py REPORT COMMAND [ARGUMENT...]

Wall and CPU (user + system) seconds, and the peak resident set of its largest process in MB.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main(report: str, command: list[str]) -> int:
    started = time.perf_counter()
    child = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(child, 0)
    wall = time.perf_counter() - started
    megabyte = 1e6 if sys.platform == "darwin" else 1e3
    taken = {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "rss": usage.ru_maxrss / megabyte}
    with open(report, "w", encoding="utf-8") as file:
        json.dump(taken, file)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
