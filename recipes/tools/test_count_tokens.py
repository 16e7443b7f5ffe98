"""Token counts by the tokenizer file alone equal those of the tokenizer that trains."""

from __future__ import annotations

from pathlib import Path

from recipes.common.encode import load_tokenizer
from recipes.tools.count_tokens import lengths
from recipes.tools.tiny_models import make_tiny_model


def test_counts_equal_those_of_the_tokenizer_that_trains(tmp_path: Path) -> None:
    make_tiny_model(tmp_path, "llama", tied=True)
    texts = ["The left kidney shows a 3 mm cyst.", "", "é — 5 < 7\n", "word " * 3000]
    tokenizer = load_tokenizer(tmp_path)
    assert lengths(tmp_path / "tokenizer.json", texts) == [
        len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts
    ]
