"""Conversion of text to token ids. Training, preflight and generation all use this module, so that they use equal
prompt tokens.

A row is encoded as the generation prompt of the model's own chat template, the target, and the token that ends the
assistant's turn. The loss counts the target and the end token alone. A chat template that inserts the present date, or
draws at random, gets fixed values, so that prompts are always the same.
"""

from __future__ import annotations

import datetime
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from recipes.common.bounded import bounded
from recipes.common.protocol import StepFailed

IGNORE = -100
"""Label of a token that the loss ignores."""

DATE = datetime.date(2024, 7, 26)
"""The date in prompts. Llama's chat template uses it itself if it cannot read the clock."""

_DIRECTIVES = "aAbBcCdDeFgGhHIjklmMnpPrRStTuUVwWxXyYzZ"
"""Letters of the strftime directives that chat templates can use. %s would depend on the time zone."""

Message = Mapping[str, str]

Loss = Literal["system-dropped", "message-trimmed", "message-changed"]
"""What a chat template did to the text of a message."""


def load_tokenizer(model_dir: Path) -> PreTrainedTokenizerBase:
    """The tokenizer in a model's folder. Code in that folder is never run. Of several chat templates, the one called
    "default" is used. Fails with `no-chat-template` without a template, and with `named-chat-templates` without a
    default."""
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            str(model_dir), local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError) as error:
        raise StepFailed(
            "tokenizer", f"cannot load the model's tokenizer: {error}", "Fetch the model again."
        ) from error
    named = tokenizer.chat_template
    if isinstance(named, dict) and named:
        if "default" not in named:
            raise StepFailed(
                "named-chat-templates",
                f"the model has several chat templates and no default: {', '.join(sorted(named))}",
                "Copy the model into a folder, store one of them there as chat_template.jinja, and set model.base to "
                "the folder.",
            )
        tokenizer.chat_template = named["default"]
    if not isinstance(tokenizer.chat_template, str):
        raise StepFailed(
            "no-chat-template",
            "the model's tokenizer has no chat template",
            "Choose an instruction-tuned model, which has a template in tokenizer_config.json or chat_template.jinja.",
        )
    return tokenizer


def render_prompt(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], thinking: bool) -> str:
    """The messages and the start of the assistant's turn in the model's chat template. Fails with
    `special-token-in-text` for a message that contains a special token, because it could end its own turn, and with
    `no-system-role` or `chat-template-refused` if the template does not accept the messages."""
    for message in messages:
        _refuse_special(tokenizer, message["content"], f"a {message['role']} message")
    return _render(tokenizer, messages, generation=True, thinking=thinking)


def prompt_ids(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], thinking: bool) -> list[int]:
    """Ids of `render_prompt`: the prompt of generation."""
    return _ids(tokenizer, render_prompt(tokenizer, messages, thinking))


def lost_text(messages: Sequence[Message], rendered: str) -> Iterator[tuple[Loss, Message]]:
    """The messages whose text is not in the rendered prompt as it was given."""
    # Counting takes a time that is proportional to the square of the number of messages.
    if _in_order([message["content"] for message in messages], rendered):
        return

    def has(text: str) -> bool:
        given = sum(message["content"].count(text) for message in messages) if text else 0
        return rendered.count(text) >= given

    for message in messages:
        content = message["content"]
        if has(content):
            continue
        if content != content.strip() and has(content.strip()):
            yield "message-trimmed", message
        else:
            yield ("system-dropped" if message["role"] == "system" else "message-changed"), message


def _in_order(texts: Sequence[str], rendered: str) -> bool:
    """Whether a text contains others one after another."""
    end = 0
    for text in texts:
        start = rendered.find(text, end)
        if start < 0:
            return False
        end = start + len(text)
    return True


def target_ids(tokenizer: PreTrainedTokenizerBase, target: str) -> list[int]:
    """Ids of a target and the end token. Fails with `special-token-in-text` for a target that contains a special token,
    because the model would learn to stop early."""
    _refuse_special(tokenizer, target, "a target")
    return [*_ids(tokenizer, target), end_token(tokenizer)]


def encode_row(
    tokenizer: PreTrainedTokenizerBase, row: Mapping[str, Any], thinking: bool
) -> tuple[list[int], list[int]]:
    """(ids, labels) of a row {"id", "messages", "target"}, of equal length. The labels of the prompt are IGNORE."""
    prompt = prompt_ids(tokenizer, row["messages"], thinking)
    target = target_ids(tokenizer, row["target"])
    return prompt + target, [IGNORE] * len(prompt) + target


def end_token(tokenizer: PreTrainedTokenizerBase) -> int:
    """Id of the token with which the chat template ends an assistant's turn. It can differ from the tokenizer's EOS:
    base models often declare <|endoftext|>, while their template ends turns with <|im_end|>."""
    cached = getattr(tokenizer, "_exp_end_token", None)
    if isinstance(cached, int):
        return cached
    answer = "answer"
    text = _render(
        tokenizer,
        [{"role": "user", "content": "question"}, {"role": "assistant", "content": answer}],
        generation=False,
        thinking=False,
    )
    after = _ids(tokenizer, text.rpartition(answer)[2])
    special = {id for id, token in tokenizer.added_tokens_decoder.items() if token.special}
    if after and after[0] in special:
        end = after[0]
    elif isinstance(tokenizer.eos_token_id, int):
        end = tokenizer.eos_token_id
    else:
        raise StepFailed(
            "no-end-token",
            "neither the chat template nor the tokenizer defines an end token",
            "Choose a model whose tokenizer declares an eos_token.",
        )
    tokenizer._exp_end_token = end
    return end


def pad_token(tokenizer: PreTrainedTokenizerBase) -> int:
    """Id to pad batches with. It differs from the end token if the vocabulary allows it, so that masking padding never
    masks a real end token."""
    end = end_token(tokenizer)
    for candidate in (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id, tokenizer.bos_token_id):
        if isinstance(candidate, int) and candidate != end:
            return candidate
    return 0 if end != 0 else 1


def supports_thinking(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the chat template can switch thinking on and off."""
    return "enable_thinking" in str(tokenizer.chat_template)


def _refuse_special(tokenizer: PreTrainedTokenizerBase, text: str, what: str) -> None:
    for token in _special_tokens(tokenizer):
        if token in text:
            at = text.index(token)
            raise StepFailed(
                "special-token-in-text",
                f"{what} contains the special token {token!r}: {text[max(0, at - 40) : at + 40]!r}",
                "Remove it from the data or the prompt template.",
            )


def _special_tokens(tokenizer: PreTrainedTokenizerBase) -> tuple[str, ...]:
    """The texts of the special tokens. Gemma has 6,000, and transformers takes 10 ms to list them."""
    cached = getattr(tokenizer, "_exp_special_tokens", None)
    if isinstance(cached, tuple):
        return cached
    tokens = tuple(token.content for token in tokenizer.added_tokens_decoder.values() if token.special)
    tokenizer._exp_special_tokens = tokens
    return tokens


def _render(
    tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], *, generation: bool, thinking: bool
) -> str:
    more: dict[str, Any] = {"enable_thinking": thinking} if supports_thinking(tokenizer) else {}
    try:
        with bounded("chat-template-limit", "the chat template of the model", "Choose another model."), _fixed_random():
            text = tokenizer.apply_chat_template(
                [dict(message) for message in messages],
                chat_template=_without_clock(str(tokenizer.chat_template)),
                tokenize=False,
                add_generation_prompt=generation,
                date_string=DATE.strftime("%d %b %Y"),
                **more,
            )
    except StepFailed:
        raise
    except Exception as error:  # A template can raise anything: a division by zero, a missing key.
        raise _refusal(tokenizer, messages, error, thinking) from error
    assert isinstance(text, str)
    return text


@contextmanager
def _fixed_random() -> Iterator[None]:
    """The filter `random` and `lipsum()` of a template draw the same values each time."""
    state = random.getstate()
    random.seed(0)
    try:
        yield
    finally:
        random.setstate(state)


def _without_clock(template: str) -> str:
    """A chat template in which `strftime_now` formats DATE. A macro hides the function of transformers, which formats
    the present time and cannot be replaced by an argument."""
    if "strftime_now" not in template:
        return template
    values = {f"%{flag}{letter}": DATE.strftime(f"%{flag}{letter}") for flag in ("-", "") for letter in _DIRECTIVES}
    replaced = "".join(f"|replace('{directive}', '{value}')" for directive, value in values.items())
    # The empty expression protects a line break at the start of the template, which would be removed after a tag.
    return f"{{%- macro strftime_now(format) -%}}{{{{ format{replaced} }}}}{{%- endmacro %}}{{{{ '' }}}}{template}"


def _refusal(
    tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], error: Exception, thinking: bool
) -> StepFailed:
    """The failure for messages that the chat template does not accept. It names the system message as the cause if the
    template accepts the others."""
    others = [message for message in messages if message["role"] != "system"]
    if others and len(others) < len(messages):
        try:
            _render(tokenizer, others, generation=True, thinking=thinking)
        except StepFailed:
            pass
        else:
            return StepFailed(
                "no-system-role",
                f"the chat template of the model has no system messages: {error}",
                "Set prompt.system: user, which adds the text to the user's message.",
            )
    return StepFailed(
        "chat-template-refused",
        f"the chat template of the model does not accept the messages: {error}",
        "Change the blocks of the prompt template, or choose another model.",
    )


def _ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])
