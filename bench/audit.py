"""Number of near-duplicates in the `input` column, by datasketch's MinHash: python audit.py ROWS.csv"""

from __future__ import annotations

import csv
import re
import sys

from datasketch import MinHash, MinHashLSH

PERMUTATIONS = 96
BANDS = (16, 6)


def main(path: str) -> None:
    with open(path, encoding="utf-8", newline="") as lines:
        texts = [row["input"] for row in csv.DictReader(lines)]
    index = MinHashLSH(num_perm=PERMUTATIONS, params=BANDS)
    near = 0
    for at, text in enumerate(texts):
        words = re.findall(r"\w+", text.lower())
        sketch = MinHash(num_perm=PERMUTATIONS)
        sketch.update_batch([" ".join(words[start : start + 3]).encode() for start in range(len(words) - 2)])
        near += bool(index.query(sketch))
        index.insert(str(at), sketch)
    print(near)


if __name__ == "__main__":
    main(sys.argv[1])
