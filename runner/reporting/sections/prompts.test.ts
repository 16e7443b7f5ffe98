import { expect, it } from "vitest";
import type { RunFacts, Study } from "../report/study.ts";
import { fixtureStudy } from "../test-rig.ts";
import { prompts } from "./prompts.ts";

const [replayed, trained] = fixtureStudy().runs as [RunFacts, RunFacts];
const textOf = (study: Study): string => JSON.stringify(prompts(study));
const template = "{{#user}}Name the labels of {{input}}{{/user}}";
const readme = "# Prompts\n\nHow to.\n\n## Rules\n\nShort.\n\n## own.hbs\n\nAsks.\n\n## `other.hbs`\n\nElse.\n";
const config = { ...replayed.config, prompt: { ...replayed.config.prompt, template: "prompts/own.hbs" } };
const runs = [{ ...replayed, config }];

it("replayed predictions show the declared templates, with the sections of the README about them", () => {
  const text = textOf({ runs, notes: {}, promptFiles: { "prompts/own.hbs": template, "prompts/README.md": readme } });
  expect(text).toContain(JSON.stringify(template));
  for (const shown of ["Rules", "Short.", "own.hbs", "Asks."]) expect(text).toContain(shown);
  for (const hidden of ["How to.", "other.hbs", "Else.", "SHA-256"]) expect(text).not.toContain(hidden);
  const rationale = { "prompts/README.md": "0123456789abcdef0123" };
  const recorded = runs.map((run) => ({ ...run, provenance: { ...run.provenance, rationale } }));
  expect(textOf({ runs: recorded, notes: {}, promptFiles: { "prompts/README.md": readme } })).toContain(
    '{"code":"0123456789abcdef"}',
  );
});

it("a template without a file of the project is named", () => {
  const text = textOf({ runs, notes: {} });
  expect(text).toContain("prompts/own.hbs");
  expect(text).not.toContain("Rationale");
});

it("the lengths of prompts are shown where the engine counts tokens", () => {
  const [name, own] = Object.entries(trained.prompts)[0] as [string, RunFacts["prompts"][string]];
  const tableOf = (run: RunFacts) =>
    prompts({ runs: [run], notes: {} }).find((block) => "id" in block && block.id === "prompt-tokens");
  expect(tableOf(trained)).toBeUndefined();
  const counted = { ...trained, prompts: { [name]: { ...own, tokens: { mean: 1321.6, max: 2048 } } } };
  expect(tableOf(counted)).toMatchObject({ rows: [["QLoRA", [{ code: own.template }], "1,322", "2,048"]] });
});
