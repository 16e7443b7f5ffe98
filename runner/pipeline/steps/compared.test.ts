import { describe, expect, it } from "vitest";
import { joined } from "./compared.ts";
import { draft } from "./draft.ts";

const study = (rank: number) => [
  draft({ id: "data", kind: "data", params: {}, sources: { file: "/a.csv" } }),
  draft({ id: "train", kind: "train", params: { rank }, inputs: { rows: { step: "data", file: "train.jsonl" } } }),
  draft({
    id: "generate.tuned",
    kind: "generate",
    params: {},
    inputs: { adapter: { step: "train", file: "adapter/" } },
    after: ["preflight"],
  }),
  draft({ id: "preflight", kind: "preflight", params: {}, inputs: { rows: { step: "data", file: "test.jsonl" } } }),
];

describe("drafts of compared experiments", () => {
  it("are omitted if they are the same, and otherwise named after their experiment", () => {
    const { drafts: all, names } = joined(study(8), [
      { name: "same", drafts: study(8) },
      { name: "wide", drafts: study(64) },
      { name: "wide-again", drafts: study(64) },
    ]);
    expect(all.map(({ id }) => id)).toEqual([...study(8).map(({ id }) => id), "train@wide", "generate.wide.tuned"]);
    expect(names.get("wide-again")?.get("generate.tuned")).toBe("generate.wide.tuned");
    expect(names.get("same")?.get("train")).toBe("train");
    expect(all.at(-2)?.inputs).toEqual({ rows: { step: "data", file: "train.jsonl" } });
    expect(all.at(-1)).toMatchObject({ inputs: { adapter: { step: "train@wide" } }, after: ["preflight"] });
  });
  it("are none for an experiment without compare", () => {
    const own = study(8);
    expect(joined(own, []).drafts).toBe(own);
  });
});
