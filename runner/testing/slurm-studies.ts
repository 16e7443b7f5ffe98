/** The studies that the tests of a Slurm cluster run, and readers of their results. */
import { expect } from "vitest";
import type { StoreRecord } from "../pipeline/plan/record.ts";
import { namesIn } from "../util/names-in.ts";
import { completion, startServer } from "./chat-server.ts";
import type { Rig } from "./rig.ts";

/** A sweep of two runs with replayed answers, which needs no Python. */
export const sweep = "experiments/sweep.yaml";
/** Names of its runs. */
export const sweepRuns = ["sweep/data.targets.order=as_is", "sweep/data.targets.order=alphabetical"] as const;

/** Writes the sweep. `slurm` contains keys of resources.slurm. */
export function writeSweep(rig: Rig, slurm = ""): void {
  rig.write(
    sweep,
    `extends: study.yaml
name: sweep
baselines: [most_frequent, nearest]
report: {html: false}
sweep: {grid: {data.targets.order: [as_is, alphabetical]}}
resources: {gpus: 0, slurm: {${slurm}}}
`,
  );
}

/** An experiment with a server that does not respond from the sixth request on, until `respond` is called. */
export async function writeServed(
  rig: Rig,
  slurm = "",
): Promise<{ readonly file: string; requests(): number; respond(): void }> {
  let requests = 0;
  let silent = true;
  const server = await startServer(rig, (request, response) => {
    request.resume();
    requests++;
    if (silent && requests > 5) return;
    response.end(completion("liver cyst"));
  });
  const file = "experiments/served.yaml";
  rig.write(
    file,
    `name: served
data:
  train: {file: data/train.csv}
  test: {file: data/test.csv, limit: 8}
  columns: {id: id, input: text, target: labels}
model: {base: smollm2-135m}
prompt: {template: prompts/ask.hbs}
generate: {engine: openai, base_url: "http://127.0.0.1:${server.port}/v1", concurrency: 1}
baselines: []
report: {xlsx: false}
resources: {gpus: 0, executor: slurm, slurm: {${slurm}}}
`,
  );
  return {
    file,
    requests: () => requests,
    respond() {
      silent = false;
      server.closeConnections();
    },
  };
}

/** Waits until the server has received a number of requests. */
export async function untilRequests(served: { requests(): number }, times: number): Promise<void> {
  await expect.poll(() => served.requests(), { timeout: 120_000, interval: 200 }).toBeGreaterThanOrEqual(times);
}

/** Names of the records of a study. */
export const stored = (rig: Rig): readonly string[] => [...namesIn(rig.path("artifacts/store/keys"))].sort();
/** Names of an experiment's runs. */
export const runs = (rig: Rig, experiment: string): readonly string[] =>
  [...namesIn(rig.path(`artifacts/runs/${experiment}`))].sort();

/** Evidence and losses of the training that a study has stored. */
export function training(rig: Rig): { readonly evidence: object; readonly loss: readonly { readonly loss: number }[] } {
  const records = stored(rig).map((name) => rig.readJson(`artifacts/store/keys/${name}`) as StoreRecord);
  const [record] = records.filter(({ ingredients }) => ingredients.kind === "train");
  const { object, evidence } = record as StoreRecord;
  return {
    evidence,
    ...(rig.readJson(`artifacts/store/objects/${object}/train.json`) as { loss: { loss: number }[] }),
  };
}
