"""The generate step against transformers' own generation, with adapters, interrupts and resumes."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM
from transformers.generation.logits_process import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from recipes.common.encode import end_token, load_tokenizer, prompt_ids
from recipes.common.models.folder import describe_model, select_files
from recipes.common.protocol import Interrupted, Step, StepFailed
from recipes.testing import make_hybrid
from recipes.tools.tiny_models import Family, make_tiny_model
from recipes.transformers import memory
from recipes.transformers.decode import Sampling
from recipes.transformers.generate import run
from recipes.transformers.memory import fitting_batch
from recipes.transformers.prefill import PREFILL_TOKENS

SYSTEM = "banana dodo kiru " * 12
WORDS = ["bane", "dori", "kifa", "lupo", "mesa", "nobu", "pira", "rudo", "sote", "tami"]
PARAMS = {"max_new_tokens": 12, "temperature": 0, "precision": "fp32", "batch_size": 4, "thinking": False}


def cases(count: int) -> list[dict[str, Any]]:
    """Prompts of different lengths with a common prefix, unsorted."""
    made = []
    for at in range(count):
        words = " ".join(WORDS[(at * 7 + k) % 10] for k in range(1 + (at * 5) % 17))
        messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": words}]
        made.append({"id": f"case-{at}", "messages": messages, "target": "x"})
    return made


class Workspace:
    """A model and the files of a generate step."""

    def __init__(self, tmp: Path, family: Family = "qwen3", tied: bool = True, model: Path | None = None) -> None:
        self.tmp = tmp
        self.model = make_tiny_model(tmp / "model", family, tied=tied) if model is None else model
        names = select_files(path.name for path in self.model.iterdir())
        described = describe_model("tiny", None, self.model, names, lambda _: None)
        (tmp / "model.json").write_text(json.dumps(described))

    def step(
        self, rows: list[dict[str, Any]], adapter: Path | None = None, weights: Path | None = None, **params: Any
    ) -> Step:
        prompts = self.tmp / "eval.jsonl"
        prompts.write_text("".join(json.dumps(row) + "\n" for row in rows))
        inputs = {"prompts": prompts, "model": self.tmp / "model.json"}
        if adapter is not None:
            inputs["adapter"] = adapter
        if weights is not None:
            inputs["weights"] = weights
        for name in ("output", "work"):
            (self.tmp / name).mkdir(exist_ok=True)
        return Step(
            name="generate",
            params={**PARAMS, **params},
            inputs=inputs,
            local_paths={"model": self.model},
            output=self.tmp / "output",
            work=self.tmp / "work",
            progress_path=self.tmp / "progress.jsonl",
            cores=1,
        )

    def responses(self) -> list[dict[str, Any]]:
        lines = (self.tmp / "output" / "responses.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path, "qwen3", tied=True)


def one_by_one(workspace: Workspace, rows: list[dict[str, Any]], model: Any) -> list[tuple[list[int], str, float]]:
    """(token ids, finish, log-probability) of transformers' own greedy answer to each prompt alone."""
    tokenizer = load_tokenizer(workspace.model)
    end = end_token(tokenizer)
    answers = []
    for row in rows:
        ids = torch.tensor([prompt_ids(tokenizer, row["messages"], False)])
        out = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=PARAMS["max_new_tokens"],
            do_sample=False,
            eos_token_id=end,
            pad_token_id=0,
            output_scores=True,
            return_dict_in_generate=True,
        )
        new = out.sequences[0, ids.shape[1] :].tolist()
        likely = [float(scores[0].log_softmax(-1)[token]) for scores, token in zip(out.scores, new, strict=True)]
        answers.append((new, "stop" if new[-1] == end else "length", sum(likely)))
    return answers


FAMILIES: list[tuple[Family, bool]] = [
    ("llama", True), ("qwen2.5", False), ("qwen3", True), ("smollm3", True),
    ("phi3", False), ("gemma3", True), ("gemma3-images", True),
]  # fmt: skip
WINDOWED = ("phi3", "gemma3", "gemma3-images")
"""Families whose tiny models have a window of eight tokens."""


@pytest.mark.parametrize(("family", "tied"), FAMILIES)
def test_a_batch_gives_the_answers_of_single_prompts(tmp_path: Path, family: Family, tied: bool) -> None:
    workspace = Workspace(tmp_path, family, tied)
    rows = cases(11)
    evidence = run(workspace.step(rows))
    model = AutoModelForCausalLM.from_pretrained(str(workspace.model), dtype=torch.float32)
    tokenizer = load_tokenizer(workspace.model)
    responses = workspace.responses()
    assert [response["id"] for response in responses] == [row["id"] for row in rows]
    for response, (new, finish, likely) in zip(responses, one_by_one(workspace, rows, model), strict=True):
        assert (response["new_tokens"], response["finish"]) == (len(new), finish)
        assert response["logprob"] == pytest.approx(likely, abs=1e-3) and likely < 0
        text_ids = new[:-1] if finish == "stop" else new
        assert response["text"] == tokenizer.decode(text_ids, skip_special_tokens=True)
    assert evidence["batch_size"] == 4
    assert evidence["shared_tokens"] == 0 if family in WINDOWED else evidence["shared_tokens"] > 16
    assert len({response["text"] for response in responses}) > 1


def test_a_model_with_linear_attention_answers_prompts_one_by_one(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, model=make_hybrid(tmp_path / "model"))
    rows = cases(5)
    evidence = run(workspace.step(rows))
    assert (evidence["batch_size"], evidence["shared_tokens"]) == (1, 0)
    model = AutoModelForCausalLM.from_pretrained(str(workspace.model), dtype=torch.float32)
    for response, (new, finish, likely) in zip(workspace.responses(), one_by_one(workspace, rows, model), strict=True):
        assert (response["new_tokens"], response["finish"]) == (len(new), finish)
        assert response["logprob"] == pytest.approx(likely, abs=1e-3)


@pytest.mark.parametrize("tokens", [1, 150])
def test_prefill_in_parts_gives_the_same_answers(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tokens: int
) -> None:
    rows = cases(9)
    run(workspace.step(rows, batch_size=9))
    together = workspace.responses()
    (workspace.tmp / "work" / "partial.jsonl").unlink()
    monkeypatch.setitem(PREFILL_TOKENS, "cpu", tokens)
    run(workspace.step(rows, batch_size=9))
    for in_parts, at_once in zip(workspace.responses(), together, strict=True):
        assert in_parts["text"] == at_once["text"]
        assert in_parts["logprob"] == pytest.approx(at_once["logprob"], abs=1e-3)


def make_adapter(workspace: Workspace, base: str = "tiny", name: str = "adapter", seed: int = 1, **config: Any) -> Path:
    """A random adapter of the model, written by PEFT."""
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_pretrained(str(workspace.model), dtype=torch.float32)
    given = {"target_modules": ["q_proj", "o_proj", "down_proj"], "init_lora_weights": False, **config}
    adapter = workspace.tmp / name
    get_peft_model(model, LoraConfig(r=4, lora_alpha=8, task_type="CAUSAL_LM", **given)).save_pretrained(str(adapter))
    written = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps({**written, "base_model_name_or_path": base}))
    return adapter


def texts(workspace: Workspace, answers: list[tuple[list[int], str, float]]) -> list[str]:
    tokenizer = load_tokenizer(workspace.model)
    trimmed = [new[:-1] if finish == "stop" else new for new, finish, _ in answers]
    return [str(tokenizer.decode(ids, skip_special_tokens=True)) for ids in trimmed]


@pytest.mark.parametrize("config", [{}, {"use_dora": True}, {"use_rslora": True}], ids=["lora", "dora", "rslora"])
def test_an_adapter_gives_the_answers_of_peft_and_of_the_merged_model(
    workspace: Workspace, config: dict[str, Any]
) -> None:
    from peft import PeftModel

    adapter = make_adapter(workspace, **config)
    rows = cases(5)
    run(workspace.step(rows, adapter))
    plain = AutoModelForCausalLM.from_pretrained(str(workspace.model), dtype=torch.float32)
    through_peft = PeftModel.from_pretrained(plain, str(adapter)).eval()
    expected = one_by_one(workspace, rows, through_peft)
    assert [response["new_tokens"] for response in workspace.responses()] == [len(new) for new, *_ in expected]
    assert [response["text"] for response in workspace.responses()] == texts(workspace, expected)
    assert texts(workspace, expected) != texts(workspace, one_by_one(workspace, rows, base_of(workspace)))

    merged = workspace.tmp / "merged"
    through_peft.merge_and_unload().save_pretrained(str(merged))
    (workspace.tmp / "work" / "partial.jsonl").unlink()
    run(workspace.step(rows, weights=merged))
    assert [response["text"] for response in workspace.responses()] == texts(workspace, expected)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "4bit"])
def test_a_reused_base_gives_the_same_answers_for_each_adapter(workspace: Workspace, precision: str) -> None:
    adapters = [
        make_adapter(workspace, name="lora"),
        None,
        make_adapter(workspace, name="dora", seed=2, use_dora=True, target_modules=["v_proj", "up_proj", "o_proj"]),
        make_adapter(workspace, name="other", seed=3),
    ]
    rows = cases(5)
    answers: dict[str, list[list[dict[str, Any]]]] = {"new base": [], "reused base": []}
    loaded = []
    for base, responses in answers.items():
        for adapter in adapters:
            (workspace.tmp / "work" / "partial.jsonl").unlink(missing_ok=True)
            step = workspace.step(rows, adapter, precision=precision, compute="fp32")
            step.reusable = base == "reused base"
            run(step)
            loaded.append(step.evidence["base"])
            responses.append(workspace.responses())
    assert loaded == ["loaded"] * 5 + ["kept"] * 3
    assert answers["reused base"] == answers["new base"]
    assert len({json.dumps(responses) for responses in answers["new base"]}) == 4


def test_half_precision_rounds_weights_and_not_buffers(workspace: Workspace) -> None:
    seen: list[tuple[set[torch.dtype], set[torch.dtype]]] = []

    def record(model: Any) -> None:
        seen.append(({each.dtype for each in model.parameters()}, {each.dtype for each in model.buffers()}))

    run(workspace.step(cases(2), precision="bf16"), prepare=record)
    assert seen == [({torch.bfloat16}, {torch.float32})]


def base_of(workspace: Workspace) -> Any:
    return AutoModelForCausalLM.from_pretrained(str(workspace.model), dtype=torch.float32)


def failure(step: Step) -> tuple[str, str]:
    with pytest.raises(StepFailed) as caught:
        run(step)
    return caught.value.code, caught.value.message


def test_weights_of_another_base_and_damaged_ones_fail(workspace: Workspace, tmp_path: Path) -> None:
    assert failure(workspace.step(cases(2), make_adapter(workspace, base="other")))[0] == "adapter-base"
    adapter = make_adapter(workspace)
    weights = adapter / "adapter_model.safetensors"
    original = weights.read_bytes()
    weights.write_bytes(original[: len(original) // 2])
    assert failure(workspace.step(cases(2), adapter))[0] == "damaged-weights"
    larger = make_tiny_model(tmp_path / "larger", "qwen3", tied=True, layers=3)
    code, message = failure(workspace.step(cases(2), weights=larger))
    assert code == "weights-base" and "num_hidden_layers" in message
    (larger / "model.safetensors").unlink()
    assert failure(workspace.step(cases(2), weights=larger))[0] == "model-incomplete"


def test_a_damaged_shard_fails(workspace: Workspace) -> None:
    shard = workspace.model / "model.safetensors"
    original = shard.read_bytes()
    for damaged in (original[:-1], original[:-100] + b"\0" * 100):
        shard.write_bytes(damaged)
        assert failure(workspace.step(cases(2)))[0] == "model-changed"


def test_4_bit_weights_answer_with_an_unmerged_adapter(workspace: Workspace) -> None:
    rows = cases(6)
    answers: dict[str, list[dict[str, Any]]] = {}
    for name, precision, adapter in (
        ("full", "fp32", None),
        ("base", "4bit", None),
        ("tuned", "4bit", make_adapter(workspace)),
    ):
        (workspace.tmp / "work" / "partial.jsonl").unlink(missing_ok=True)
        evidence = run(workspace.step(rows, adapter, precision=precision, compute="fp32"))
        assert evidence["precision"] == precision
        answers[name] = workspace.responses()
    full, base, tuned = ([row["logprob"] for row in answers[name]] for name in ("full", "base", "tuned"))
    assert full != base != tuned


def out_of_memory_above(rows: int) -> Any:
    """A hook that raises an out-of-memory error in forward passes over more than `rows` rows."""

    def forward(_: Any, args: Any, kwargs: Any) -> None:
        if kwargs["input_ids"].shape[0] > rows:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    return lambda model: model.register_forward_pre_hook(forward, with_kwargs=True)


def test_an_out_of_memory_error_halves_the_batch(workspace: Workspace) -> None:
    rows = cases(11)
    run(workspace.step(rows, batch_size=2))
    expected = [row["text"] for row in workspace.responses()]
    (workspace.tmp / "work" / "partial.jsonl").unlink()
    evidence = run(workspace.step(rows, batch_size=11), prepare=out_of_memory_above(2))
    assert (evidence["out_of_memory_at"], evidence["batch_size"]) == ([11, 5], 2)
    assert [row["text"] for row in workspace.responses()] == expected
    (workspace.tmp / "work" / "partial.jsonl").unlink()
    with pytest.raises(StepFailed, match="single case") as caught:
        run(workspace.step(cases(1), batch_size=1), prepare=out_of_memory_above(0))
    assert caught.value.code == "out-of-memory"


def test_a_killed_run_resumes_to_the_same_bytes(workspace: Workspace) -> None:
    rows = cases(9)
    responses = workspace.tmp / "output" / "responses.jsonl"
    run(workspace.step(rows))
    original = responses.read_bytes()
    partial = workspace.tmp / "work" / "partial.jsonl"
    lines = partial.read_bytes().splitlines(keepends=True)
    for kept in range(0, 9, 2):
        partial.write_bytes(b"".join(lines[:kept]) + lines[kept][: 7 * kept])
        assert run(workspace.step(rows))["resumed"] == kept
        assert responses.read_bytes() == original


def test_a_vote_draws_several_answers_to_each_case(workspace: Workspace) -> None:
    rows = cases(4)
    drawn: dict[str, Any] = {"temperature": 1.0, "seed": 1, "samples": 3}
    run(workspace.step(rows, **drawn))
    first = workspace.responses()
    assert [row["id"] for row in first] == [row["id"] for row in rows]
    for row in first:
        texts = [sample["text"] for sample in row["samples"]]
        assert len(texts) == 3 and row["text"] == "\n".join(texts)
        assert row["new_tokens"] == sum(sample["new_tokens"] for sample in row["samples"])
    assert any(len({sample["text"] for sample in row["samples"]}) > 1 for row in first)
    (workspace.tmp / "work" / "partial.jsonl").unlink()
    run(workspace.step(rows, **drawn, batch_size=1))
    assert [row["text"] for row in workspace.responses()] == [row["text"] for row in first]


def test_an_interrupted_run_resumes(workspace: Workspace) -> None:
    rows = cases(9)
    run(workspace.step(rows))
    original = workspace.responses()
    partial = workspace.tmp / "work" / "partial.jsonl"
    lines = partial.read_text().splitlines(keepends=True)
    assert len(lines) == 9

    partial.unlink()
    step = workspace.step(rows, batch_size=3)
    step.stopping = True
    with pytest.raises(Interrupted):
        run(step)

    kept = [json.dumps({**json.loads(line), "text": "kept"}) + "\n" for line in lines[:4]]
    partial.write_text("".join(kept) + lines[4][:10])
    evidence = run(workspace.step(rows, batch_size=3))
    assert evidence["resumed"] == 4
    resumed = {json.loads(line)["id"] for line in kept}
    assert workspace.responses() == [{**row, "text": "kept"} if row["id"] in resumed else row for row in original]


def test_sampling_depends_on_the_seed_and_not_on_the_batch(workspace: Workspace) -> None:
    rows = cases(6)
    answers = []
    several: list[dict[str, Any]] = [{"batch_size": 6}, {"batch_size": 1}, {"batch_size": 6, "seed": 2}]
    for params in several:
        (workspace.tmp / "work" / "partial.jsonl").unlink(missing_ok=True)
        drawn: dict[str, Any] = {"temperature": 1.0, "top_p": 0.95, "top_k": 50, "seed": 1, **params}
        run(workspace.step(rows, None, **drawn))
        answers.append([response["text"] for response in workspace.responses()])
    assert answers[0] == answers[1] != answers[2]


@pytest.mark.parametrize(
    ("top_k", "top_p"), [(20, 0.8), (20, None), (None, 0.8), (None, 0.999), (5000, 0.5), (None, None), (1, 0.1)]
)
def test_sampling_keeps_the_tokens_and_probabilities_of_transformers(top_k: int | None, top_p: float | None) -> None:
    """Rows are flat, so that top_p alone needs more tokens than are searched first, and steep."""
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(6, 3000, generator=random) * torch.tensor([0.1, 0.5, 1.0, 2.0, 4.0, 8.0])[:, None]
    logits[:, 100:200] = float("-inf")
    want = TemperatureLogitsWarper(0.7)(None, logits)
    want = want if top_k is None else TopKLogitsWarper(top_k)(None, want)
    want = (want if top_p is None else TopPLogitsWarper(top_p)(None, want)).softmax(-1)
    got = torch.zeros_like(want)
    rows = Sampling(0.7, top_p, top_k).candidates(logits)
    for at, (shares, ids) in enumerate(rows):
        got[at, ids] = shares / shares.sum()
        alone = Sampling(0.7, top_p, top_k).candidates(logits[at : at + 1])[0]
        assert torch.equal(alone[0], shares) and torch.equal(alone[1], ids)
    assert (got > 0).sum(-1).tolist() == (want > 0).sum(-1).tolist()
    torch.testing.assert_close(got, want)


def decoder(layers: int, hidden: int, inner: int, heads: int, kv_heads: int, vocabulary: int) -> Any:
    """What `fitting_batch` reads of a bf16 model on a GPU."""
    config = SimpleNamespace(
        **{"num_hidden_layers": layers, "hidden_size": hidden, "intermediate_size": inner, "vocab_size": vocabulary},
        **{"num_attention_heads": heads, "num_key_value_heads": kv_heads, "head_dim": 128},
    )
    config.get_text_config = lambda: config
    return SimpleNamespace(config=config, dtype=torch.bfloat16, device=torch.device("cuda"))


def test_an_8b_model_answers_batches_on_small_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Free memory after loading Qwen3-8B: 4 bit on a T4, 16 bit on 24 GB."""
    model = decoder(36, 4096, 12288, 32, 8, 151_936)
    for free in (15.6e9 - 7.0e9, 25.3e9 - 16.8e9):
        monkeypatch.setattr(memory, "free_memory", lambda _, free=free: free)
        assert 12 <= fitting_batch(model, 500, 100) <= 30
        assert fitting_batch(model, 20_000, 100) == 1
    monkeypatch.setattr(memory, "free_memory", lambda _: 70e9)
    assert fitting_batch(model, 500, 100) == 64


def test_top_k_and_top_p_keep_the_top_token() -> None:
    logits = torch.tensor([[0.0, 5.0, 4.0, 1.0]] * 2)
    generators = [torch.Generator().manual_seed(seed) for seed in (1, 2)]
    for sampling in (Sampling(1.0, top_k=1), Sampling(1.0, top_p=0.5)):
        assert sampling.choose(logits, generators) == [1, 1]
    assert Sampling().choose(logits, generators) == [1, 1]


def test_a_changed_model_fails(workspace: Workspace) -> None:
    with (workspace.model / "config.json").open("a") as config:
        config.write("\n")
    with pytest.raises(StepFailed) as failure:
        run(workspace.step(cases(2)))
    assert failure.value.code == "model-changed"
