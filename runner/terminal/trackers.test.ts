import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { Manifest } from "../runs/manifest.ts";
import { trackersText } from "./trackers.ts";

const cwd = mkdtempSync(join(tmpdir(), "exp-trackers-"));
afterAll(() => rmSync(cwd, { recursive: true }));

function shown(trackers: unknown): string {
  const steps = { train: { evidence: { trackers } } } as unknown as Manifest["steps"];
  return trackersText({ steps }, join(cwd, "a run"), cwd);
}

test("each tracker has a command, which leaves the store unchanged", () => {
  for (const name of ["tensorboard", "wandb", "mlflow", "trackio"]) {
    mkdirSync(join(cwd, "a run", name), { recursive: true });
  }
  const run = "train-0123456789ab";
  expect(
    shown([
      { tracker: "tensorboard" },
      { tracker: "wandb", run, folder: `wandb/offline-run-1-${run}` },
      { tracker: "mlflow", run, id: "f00" },
      { tracker: "trackio", run },
    ]),
  ).toBe(
    [
      "\nTrackers",
      "tensorboard, train:\n  tensorboard --logdir 'a run/tensorboard'",
      `wandb ${run}, train:\n  wandb sync --no-mark-synced 'a run/wandb/offline-run-1-${run}'`,
      `mlflow ${run} (f00), train:\n  cp -rL 'a run/mlflow' mlflow && MLFLOW_ALLOW_FILE_STORE=true mlflow ui --backend-store-uri "$PWD/mlflow"`,
      `trackio ${run}, train:\n  cp -rL 'a run/trackio' trackio && TRACKIO_DIR="$PWD/trackio" trackio show --project exp\n`,
    ].join("\n"),
  );
});

test("entries of another form, unknown trackers and outputs that are elsewhere are left out", () => {
  for (const trackers of [
    undefined,
    "trackio",
    [{ tracker: "constructor" }, { tracker: "comet" }],
    [{ tracker: "trackio", run: "x; rm -rf ~" }, { tracker: "wandb", folder: "../../elsewhere" }, null],
  ]) {
    expect(shown(trackers)).toBe("");
  }
  rmSync(join(cwd, "a run", "mlflow"), { recursive: true });
  expect(shown([{ tracker: "mlflow", run: "train-0" }])).toBe("");
});
