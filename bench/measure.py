"""Run a command once and write its resource usage, with that of its children, as JSON:

    python measure.py REPORT COMMAND [ARGUMENT...]

{"wall", "cpu": seconds, "rss": peak resident set size of the largest process in MB}. cpu is user plus system time.
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
