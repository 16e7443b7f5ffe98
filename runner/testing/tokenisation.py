"""Rendered rows on stdin, one JSON object a line: {"name", "messages", "target"}. Checks each with Qwen3's real tokenizer and
chat template (folder in argv[1]), thinking on and off, and prints how many were right. Called by preview.test.ts.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from recipes.common.encode import IGNORE, encode_row, end_token, load_tokenizer, prompt_ids  # noqa: E402

END, CLOSE = 151645, "<|im_end|>"
STARTS = {False: "<|im_start|>assistant\n<think>\n\n</think>\n\n", True: "<|im_start|>assistant\n"}


def main() -> None:
    tokenizer = load_tokenizer(Path(sys.argv[1]))
    assert len(tokenizer) == 151669 and end_token(tokenizer) == END

    def ids(text: str) -> list[int]:
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    rows = [json.loads(line) for line in sys.stdin]
    for row in rows:
        messages, target, name = row["messages"], row["target"], row["name"]
        for thinking, start in STARTS.items():
            prefix = tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=True, enable_thinking=thinking
            )
            assert prefix.endswith(start), name
            assert prompt_ids(tokenizer, messages, thinking) == ids(prefix), name
            answer = [*ids(target), END]
            trained, labels = encode_row(tokenizer, row, thinking)
            assert trained == ids(prefix) + answer == ids(prefix + target + CLOSE), name
            assert labels == [IGNORE] * len(ids(prefix)) + answer, name
            assert tokenizer.decode(answer) == target + CLOSE, name
            assert tokenizer.decode(trained) == prefix + target + CLOSE, name
        whole = tokenizer.apply_chat_template([*messages, {"role": "assistant", "content": target}], tokenize=False)
        without = tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True, enable_thinking=False
        )
        assert whole == without + target + CLOSE + "\n", name
    print(len(rows))


main()
