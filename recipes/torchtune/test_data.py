"""Batches use every row, follow the seed, and train the right tokens."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from recipes.common.encode import end_token, load_tokenizer, pad_token, prompt_ids
from recipes.common.protocol import StepFailed
from recipes.common.training.request import steps_per_epoch
from recipes.testing import write_rows
from recipes.torchtune.data import Batches, Example, Noise, accumulation_of, collate, load_examples

LENGTHS = [5, 9, 30, 7, 7, 12, 40, 6, 8, 21, 22, 23, 5, 6, 7, 8, 9]
EXAMPLES = [Example(list(range(100 * i, 100 * i + length)), length - 3) for i, length in enumerate(LENGTHS)]


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 8, 9, 13, 15, 16, 17])
@pytest.mark.parametrize(("batch_size", "accumulation"), [(1, 1), (4, 1), (4, 2), (1, 3), (3, 4), (4, 3), (8, 16)])
def test_an_epoch_uses_every_row_once_and_ends_with_the_remaining_rows(
    rows: int, batch_size: int, accumulation: int
) -> None:
    count = accumulation_of(rows, accumulation)
    batches = Batches(EXAMPLES[:rows], batch_size, count, 0, seed=3)
    order = batches.order()
    assert sorted(row for batch in order for row in batch) == list(range(rows))
    assert max(map(len, order)) <= batch_size
    assert len(order) == len(batches) == len(list(batches))
    step = batch_size * accumulation
    expected = [min(step, rows - start) for start in range(0, rows, step)]
    assert [sum(map(len, order[at : at + count])) for at in range(0, len(order), count)] == expected
    params = {"batch_size": batch_size, "gradient_accumulation": accumulation}
    assert len(expected) == steps_per_epoch(params, rows)


def test_no_rows_give_no_step() -> None:
    assert len(Batches([], 4, 2, 0, seed=3)) == 0


def test_the_order_depends_on_seed_and_epoch() -> None:
    first, same, other = (Batches(EXAMPLES, 4, 1, 0, seed) for seed in (1, 1, 2))
    assert first.order() == same.order() != other.order()
    before = first.order()
    first.set_epoch(1)
    assert first.order() != before


@pytest.mark.parametrize(("rows", "accumulation"), [(17, 4), (17, 2), (5, 8), (2, 2)])
def test_ranks_share_the_batches_of_a_step(rows: int, accumulation: int) -> None:
    count = accumulation_of(rows, accumulation, 2)
    alone = Batches(EXAMPLES[:rows], 2, count, 0, seed=3)
    shared = [Batches(EXAMPLES[:rows], 2, count, 0, seed=3, rank=rank, ranks=2) for rank in (0, 1)]
    whole = list(alone)
    interleaved = [batch for pair in zip(*shared, strict=True) for batch in pair]
    assert [batch["tokens"].tolist() for batch in interleaved] == [batch["tokens"].tolist() for batch in whole]
    assert len(shared[0]) * 2 == len(alone) and len(shared[0]) % (count // 2) == 0
    for at in range(0, len(whole), 2):
        trained = sum(batch["labels"].numel() for batch in whole[at : at + 2])
        assert [batch["labels"].numel() for batch in interleaved[at : at + 2]] == [trained, trained]
        for mine, other in zip(interleaved[at : at + 2], whole[at : at + 2], strict=True):
            own = mine["answers"].numel()
            assert mine["labels"][:, :own].tolist() == other["labels"].tolist()


def test_batches_group_rows_of_similar_length() -> None:
    lengths = [5 + 37 * i % 100 for i in range(100)]
    examples = [Example([0] * length, length - 3) for length in lengths]
    order = Batches(examples, 4, 1, 0, seed=1).order()
    padded = sum(max(lengths[row] for row in batch) * len(batch) for batch in order)
    assert padded < 1.1 * sum(lengths)


@pytest.mark.parametrize("noise", [None, Noise(5.0, 4, 1)])
def test_the_largest_batch_of_all_epochs_is_known_before_the_first(noise: Noise | None) -> None:
    batches = Batches(EXAMPLES, 4, 2, 0, seed=3, noise=noise)
    sizes: list[int] = []
    for epoch in range(6):
        assert batches.largest(6) >= max(sizes, default=0)
        batches.set_epoch(epoch)
        sizes += [batch["tokens"].numel() for batch in batches]
    assert batches.largest(6) == max(sizes) > batches.longest_row()["tokens"].numel() == max(LENGTHS)
    assert batches.order() != Batches(EXAMPLES, 4, 2, 0, seed=3).order()


def test_skip_leaves_out_the_first_batches_of_one_epoch() -> None:
    batches = Batches(EXAMPLES, 4, 1, 0, seed=1)
    whole = [batch["tokens"].tolist() for batch in batches]
    batches.skip = 2
    assert [batch["tokens"].tolist() for batch in batches] == whole[2:]
    assert [batch["tokens"].tolist() for batch in batches] == whole


def test_a_batch_stores_the_common_prefix_once_and_trains_the_answers() -> None:
    rows = [Example([1, 2, 3, 10, 11, 12], 4), Example([1, 2, 3, 20, 21, 22, 23, 24], 5)]
    batch = collate(rows, pad=0)
    assert batch["layout"].tolist() == [3, 2, 5]
    assert batch["tokens"].tolist() == [[1, 2, 3, 10, 11, 12, 0, 0, 20, 21, 22, 23, 24]]
    tokens = batch["tokens"][0]
    assert tokens[batch["answers"]].tolist() == [10, 11, 21, 22, 23]
    assert batch["labels"].tolist() == [[11, 12, 22, 23, 24]]
    assert int(batch["seen"]) == 14


def test_the_last_prompt_token_is_never_part_of_the_prefix() -> None:
    batch = collate([Example([1, 2, 3, 9], 3), Example([1, 2, 3, 9], 3)], pad=0)
    assert batch["layout"].tolist() == [2, 2, 2]
    assert batch["tokens"].tolist() == [[1, 2, 3, 9, 3, 9]]
    assert batch["answers"].tolist() == [2, 4]


def test_the_noise_of_a_row_depends_on_seed_epoch_and_row_alone() -> None:
    noise = Noise(5.0, 8, seed=3)

    def by_row(ranks: int, skip: int, epoch: int) -> dict[int, list[list[float]]]:
        """Row -> its noise, as the batches have it. The padding has none."""
        found = {}
        for rank in range(ranks):
            batches = Batches(EXAMPLES, 2, 2, 0, seed=3, rank=rank, ranks=ranks, noise=noise)
            batches.set_epoch(epoch)
            batches.skip = skip
            for batch in (each for each in batches if each["answers"].numel()):
                prefix, rows, width = batch["layout"].tolist()
                assert prefix == 0
                tokens = batch["tokens"].view(rows, width)
                for own, ids in zip(batch["noise"].view(rows, width, 8), tokens, strict=True):
                    # Row i has the tokens from 100 * i; token 0 of row 0 is also the padding.
                    row = int(ids[0]) // 100
                    assert not own[LENGTHS[row] :].any()
                    found[row] = own[: LENGTHS[row]].tolist()
        return found

    whole = by_row(1, 0, 1)
    assert whole.keys() == set(range(len(LENGTHS)))
    assert by_row(2, 0, 1) == whole and by_row(1, 0, 2) != whole
    later = by_row(1, 4, 1)
    assert 0 < len(later) < len(whole) and all(whole[row] == own for row, own in later.items())
    assert Noise(5.0, 8, seed=4).of(1, 0, 5).tolist() != whole[0]


def test_the_noise_is_uniform_and_smaller_for_long_rows() -> None:
    for length in (4, 100):
        noise = torch.stack([Noise(5.0, 64, seed=1).of(0, row, length) for row in range(40)])
        most = 5.0 / (length * 64) ** 0.5
        assert 0.99 * most < float(noise.abs().max()) <= most
        assert float(noise.var()) == pytest.approx(most**2 / 3, rel=0.05)
        assert abs(float(noise.mean())) < 0.03 * most


@pytest.mark.parametrize("name", ["llama", "qwen2.5", "qwen3"])
def test_training_rows_have_the_generation_prompt_and_an_end_token(
    models: dict[str, Path], tmp_path: Path, name: str
) -> None:
    tokenizer = load_tokenizer(models[name])
    file = write_rows(tmp_path / "rows.jsonl", 5)
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    for example, row in zip(load_examples(tokenizer, str(file), 256), rows, strict=True):
        assert example.ids[: example.start] == prompt_ids(tokenizer, row["messages"], thinking=False)
        assert tokenizer.decode(example.ids[example.start :]) == row["target"] + "<|im_end|>"
        assert example.ids[-1] == end_token(tokenizer) != pad_token(tokenizer)
        longest = len(example.ids)
    assert len(load_examples(tokenizer, str(file), 256)) == 5
    with pytest.raises(StepFailed) as failure:
        load_examples(tokenizer, str(file), longest - 1)
    assert failure.value.code == "row-too-long"
    assert "case 4" in failure.value.message
