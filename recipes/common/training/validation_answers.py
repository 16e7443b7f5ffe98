"""Answers that the model generates to validation rows during training: scores that select a checkpoint, and samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from transformers import PreTrainedTokenizerBase

from recipes.common.training.scoring import METRICS, labels_of

BATCH_ROWS = 32
"""Maximum number of prompts in a batch."""
BATCH_TOKENS = 8192
"""Maximum number of tokens in a batch, answers included: on a GPU about 1 GB of keys and values for an 8B model."""


def batch_size(longest: int) -> int:
    """Number of prompts in a batch; `longest` is the number of tokens of the longest one with its answer."""
    return max(1, min(BATCH_ROWS, BATCH_TOKENS // longest))


def count_answered(rows: int, settings: Mapping[str, Any], by: str) -> int:
    """How many of the validation rows the model answers: all if a score selects the checkpoint, else the samples.
    `settings` are `answer_settings`."""
    return rows if by in METRICS else min(rows, settings["samples"])


def score_answers(
    answers: Sequence[list[int]],
    rows: Sequence[tuple[str, str]],
    tokenizer: PreTrainedTokenizerBase,
    settings: Mapping[str, Any],
    by: str,
    at: Mapping[str, int],
    show: Callable[[str], None],
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """Scores (empty unless `by` is a score) and samples {"epoch", "step", "id", "answer", "target"}.

    `answers` are token ids without the end token, `rows` their (id, target), `settings` are `answer_settings`, `at` is
    {"epoch", "step"}, and `show` is called with lines for the user.
    """
    texts = [
        str(tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)) for ids in answers
    ]
    samples = [
        {**at, "id": id, "answer": text, "target": target}
        for (id, target), text in zip(rows[: settings["samples"]], texts, strict=False)
    ]
    for sample in samples:
        show(f"epoch {at['epoch']}, {sample['id']}: {sample['answer']}")
    if by not in METRICS:
        return {}, samples
    separator, task = settings["separator"], settings["task"]
    labelled = [
        (labels_of(target, separator, task), labels_of(text, separator, task))
        for (_, target), text in zip(rows, texts, strict=True)
    ]
    scores = {name: round(metric(labelled), 6) for name, metric in METRICS.items()}
    show(f"epoch {at['epoch']}: {by} {scores[by]:.3f} on validation")
    return scores, samples
