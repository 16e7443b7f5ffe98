/** The merge check: the difference between a 4-bit base with its adapter and the merged 16-bit model, on validation rows. */
import { dirname, join } from "node:path";
import { expect } from "vitest";
import type { PlanJson } from "./command.ts";
import { test } from "./rig.ts";

const file = "experiments/tuned.yaml";
const set = (...keys: string[]): string[] => keys.flatMap((key) => ["--set", key]);
const apart = "data.validation={fraction: 0.25}";
const forms = ["generate.tuned@validation-4bit", "generate.tuned@validation-16bit", "merge_check"];

test("both models are evaluated if a 4-bit adapter is merged and there are validation rows", async ({ rig }) => {
  const planned = async (...keys: string[]): Promise<string[]> => {
    const { stdout } = await rig.start(["plan", file, "--json", ...set("model.base=smollm2-135m", ...keys)]).ended;
    return (JSON.parse(stdout) as PlanJson).steps.map(({ id }) => id);
  };
  expect(await planned("train.method=qlora", "train.merge=true", apart)).toEqual(expect.arrayContaining(forms));
  for (const keys of [
    ["train.method=qlora", apart],
    ["train.method=qlora", "train.merge=true"],
    ["train.method=lora", "train.merge=true", apart],
  ]) {
    expect((await planned(...keys)).filter((id) => forms.includes(id))).toEqual([]);
  }
});

test.runIf(process.env.EXP_SOAK)(
  "both models are evaluated, and their difference has an interval",
  async ({ rig }) => {
    rig.usePython();
    rig.addTinyModel("qwen3", "models/tiny");
    const { manifest } = await rig.build(file, ...set("train.method=qlora", "train.merge=true", "baselines=[]", apart));
    const check = rig.readJson(join(dirname(manifest), "merge_check.json")) as Record<string, Record<string, number>>;
    expect(check).toMatchObject({ n: 12, part: "validation", view: "canonical", metric: "micro_f1" });
    const { change, merged_16bit, adapter_4bit } = check as Required<typeof check>;
    expect(change?.difference).toBeCloseTo((merged_16bit?.value as number) - (adapter_4bit?.value as number), 12);
    expect(change?.low).toBeLessThanOrEqual(change?.difference as number);
    expect(change?.high).toBeGreaterThanOrEqual(change?.difference as number);
  },
  600_000,
);
