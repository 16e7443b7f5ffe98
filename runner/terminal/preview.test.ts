import { expect, test } from "vitest";
import { previewText } from "./preview.ts";

const row = { masked: null, trained: null, answer: null, prompt: null };

test("what all prompts begin with is shown once, up to the end of a line", () => {
  const rows = [
    { ...row, id: "a", target: "Cyst", text: "Rules.\n\nThe liver." },
    { ...row, id: "b", target: "Stone", text: "Rules.\n\nThe kidney.", examples: ["x", "y"] },
  ];
  expect(previewText("zero_shot", rows, ["no tokens: none here"])).toBe(
    "== zero_shot ==\n(no tokens: none here)\n\n-- all prompts begin:\nRules.\n\n" +
      "-- a, goes on:\nThe liver.\n\nright answer: Cyst\n\n" +
      "-- b, goes on:\nexamples: x, y\nThe kidney.\n\nright answer: Stone\n",
  );
});

test("tokens that are trained, and an answer that was cut off", () => {
  const tokens = { prompt: 7, masked: 7, trained: ["Re", "nal", "<end>"] };
  const answer = { text: "A long", finish: "length" };
  expect(previewText("tuned", [{ id: "a", target: "Renal", text: "Hi\nthere", ...tokens, answer }], [])).toBe(
    "== tuned ==\n\n-- a, 7 tokens:\nHi\nthere\n\nmasked: 7 tokens. trained: 3: Re|nal|<end>\nbase model: A long [cut off]\n",
  );
});
