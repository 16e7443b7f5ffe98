import { expect, test } from "vitest";
import { withoutTracebacks } from "./traceback.ts";

test("removes a traceback with its exception, and keeps the lines around it", () => {
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

test("keeps lines without a traceback", () => {
  const lines = ["  indented", "ValueError: a word in passing"];
  expect(withoutTracebacks(lines)).toEqual(lines);
});
