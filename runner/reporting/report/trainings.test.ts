import { expect, it } from "vitest";
import { readmeOf } from "../checklist/readme.ts";
import { fixtureStudy } from "../test-rig.ts";
import { reportOf } from "./report.ts";

it("every text states the time of a training by the clock of the trainer, without loading and saving", () => {
  const study = fixtureStudy();
  const evidence = { file: "file", sha256: "0".repeat(64) };
  const { abstract, blocks } = reportOf(study);
  const tables = blocks.filter((block) => block.type === "table");
  const readme = readmeOf({
    ...study,
    manifests: Object.fromEntries(study.runs.map(({ experiment, run }) => [`${experiment}/${run}`, evidence])),
    notebook: evidence,
    dockerfile: evidence,
    uploads: {},
  });
  for (const text of [
    abstract,
    tables.filter(({ id }) => id === "training"),
    tables.filter(({ id }) => id === "cost"),
    readme,
  ])
    expect(JSON.stringify(text)).toContain("14.5 min");
  // The seconds of the step.
  expect(
    JSON.stringify([abstract, blocks.filter((block) => !("id" in block && block.id.startsWith("steps-"))), readme]),
  ).not.toContain("15.0 min");
});
