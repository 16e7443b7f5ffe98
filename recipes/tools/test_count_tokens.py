"""Token counts from the tokenizer file alone equal those of the model's tokenizer."""

from __future__ import annotations

from pathlib import Path

from recipes.common.encode import load_tokenizer
from recipes.tools.count_tokens import count_tokens
from recipes.tools.tiny_models import make_tiny_model


def test_counts_equal_those_of_the_tokenizer(tmp_path: Path) -> None:
    make_tiny_model(tmp_path, "llama", tied=True)
    texts = ["The left kidney shows a 3 mm cyst.", "", "é — 5 < 7\n", "word " * 3000]
    tokenizer = load_tokenizer(tmp_path)
    assert count_tokens(tmp_path / "tokenizer.json", texts) == [
        len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts
    ]
