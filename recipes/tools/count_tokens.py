"""Token counts: `python -m recipes.tools.count_tokens TOKENIZER.json TEXTS.json`.

TEXTS.json is a list of texts; the command prints a list of as many numbers. The counts exclude chat template and
special tokens. No model is loaded, so that `exp data` works on any machine.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

BATCH = 1000


def count_tokens(tokenizer_file: Path, texts: Sequence[str]) -> list[int]:
    """Number of tokens of each text by a tokenizer.json."""
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    counted: list[int] = []
    for start in range(0, len(texts), BATCH):
        batch = tokenizer.encode_batch_fast(list(texts[start : start + BATCH]), add_special_tokens=False)
        counted += [len(encoded.ids) for encoded in batch]
    return counted


if __name__ == "__main__":
    print(json.dumps(count_tokens(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")))))
