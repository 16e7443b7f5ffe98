"""Failures that every trainer reports in the same way."""

from __future__ import annotations

from collections.abc import Sequence

from recipes.common.protocol import StepFailed


def not_finite(what: str, saved_step: int | None) -> StepFailed:
    """The loss is NaN or infinite. `saved_step` is the step of the newest checkpoint, if there is one."""
    saved = "There is no checkpoint." if saved_step is None else f"The checkpoint of step {saved_step} is kept."
    return StepFailed("loss-not-finite", f"{what}. {saved}", "Lower train.learning_rate, or use precision: fp32.")


def out_of_memory(error: BaseException) -> StepFailed:
    """The device has no memory left."""
    lines = str(error).splitlines()
    return StepFailed(
        "out-of-memory",
        f"the device ran out of memory{f': {lines[0]}' if lines else ''}",
        "Halve train.batch_size and double train.gradient_accumulation.",
    )


def check_lengths(lengths: Sequence[tuple[str, int]], max_length: int) -> None:
    """Fail with `row-too-long` if a row has more than `max_length` tokens. Rows are (id, tokens). Truncation is never
    an option: a truncated answer has no end token, so the model would not learn to stop."""
    long = [(id, length) for id, length in lengths if length > max_length]
    if long:
        named = ", ".join(f"{id} ({length})" for id, length in long[:10]) + (" ..." if len(long) > 10 else "")
        raise StepFailed(
            "row-too-long",
            f"{len(long)} of {len(lengths)} rows are longer than train.max_length {max_length} tokens: {named}",
            f"Set train.max_length to {max(length for _, length in long)}, or shorten these rows.",
        )
