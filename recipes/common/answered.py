"""What a model in training answered to validation rows: scores to choose a checkpoint by, and samples to look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from transformers import PreTrainedTokenizerBase

from recipes.common.scoring import METRICS, labels_of


def asked_rows(count: int, asked: Mapping[str, Any], by: str) -> int:
    """How many of the validation rows are answered: all where a score of answers chooses the checkpoint, or those that
    are shown."""
    return count if by in METRICS else min(count, asked["samples"])


def score_answers(
    answers: Sequence[list[int]],
    rows: Sequence[tuple[str, str]],
    tokenizer: PreTrainedTokenizerBase,
    asked: Mapping[str, Any],
    by: str,
    at: Mapping[str, int],
    say: Callable[[str], None],
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """Scores, where a score chooses the checkpoint, and samples {"epoch", "step", "id", "answer", "target"}. `answers`
    are token ids without the end, `rows` their (id, target), `at` the epoch and step, `asked` the step's `answers`."""
    texts = [
        str(tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)) for ids in answers
    ]
    samples = [
        {**at, "id": id, "answer": text, "target": target}
        for (id, target), text in zip(rows[: asked["samples"]], texts, strict=False)
    ]
    for sample in samples:
        say(f"epoch {at['epoch']}, {sample['id']}: {sample['answer']}")
    if by not in METRICS:
        return {}, samples
    read = [
        (labels_of(target, asked["separator"], asked["task"]), labels_of(text, asked["separator"], asked["task"]))
        for (_, target), text in zip(rows, texts, strict=True)
    ]
    scores = {name: round(metric(read), 6) for name, metric in METRICS.items()}
    say(f"epoch {at['epoch']}: {by} {scores[by]:.3f} on validation")
    return scores, samples
