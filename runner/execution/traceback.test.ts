import { expect, test } from "vitest";
import { withoutTracebacks } from "./traceback.ts";

test("a traceback goes, with its exception; what was said before and after stays", () => {
  const log = `loading
Traceback (most recent call last):
  File "a.py", line 1, in run
    raise KeyError("x")
KeyError: 'x'
During handling of the above exception, another exception occurred:
Traceback (most recent call last):
  File "b.py", line 2, in main
ValueError: no x
the end`;
  expect(withoutTracebacks(log.split("\n"))).toEqual(["loading", "the end"]);
});

test("lines without a traceback stay as they are", () => {
  const lines = ["  indented", "ValueError: a word in passing"];
  expect(withoutTracebacks(lines)).toEqual(lines);
});
