import { expect, test } from "vitest";
import { previewText } from "./preview.ts";

const row = { masked: null, trained: null, answer: null, prompt: null };

test("the common start of all prompts is printed once, up to the end of a line", () => {
  const rows = [
    { ...row, id: "a", target: "Cyst", text: "Rules.\n\nThe liver." },
    { ...row, id: "b", target: "Stone", text: "Rules.\n\nThe kidney.", examples: ["x", "y"] },
  ];
  const text = previewText("zero_shot", rows, ["no tokens: none here"]);
  expect(text.match(/Rules\./g)).toHaveLength(1);
  for (const part of ["zero_shot", "no tokens: none here", "The liver.", "x, y", "Cyst"]) expect(text).toContain(part);
});

test("trained tokens are separated, and a truncated response is marked", () => {
  const tokens = { prompt: 7, masked: 7, trained: ["Re", "nal", "<end>"] };
  const answer = { text: "A long", finish: "length" };
  const text = previewText("tuned", [{ id: "a", target: "Renal", text: "Hi\nthere", ...tokens, answer }], []);
  expect(text).toContain("Re|nal|<end>");
  expect(text).toContain("A long [truncated]");
});
