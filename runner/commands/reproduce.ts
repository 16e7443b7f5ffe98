import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { inProcess } from "../plugins/executors/registry.ts";
import { openProject } from "../project/project.ts";
import { declaredExperiment } from "../runs/declared-experiment.ts";
import { findRun, latestManifest } from "../runs/finished-runs.ts";
import { compareRepetition, type Reproduction } from "../runs/reproduce.ts";
import { foreignOrigin, recordsOf } from "../runs/run-origin.ts";
import { openStore } from "../store/store.ts";
import { boundsOf } from "../util/bounds.ts";
import { exit } from "../util/context.ts";
import { decimal, interval } from "../util/format.ts";
import { UserError } from "../util/user-error.ts";
import { defineCommand, required, value } from "./command.ts";
import { json, trust } from "./common-options.ts";
import { runFiles } from "./run.ts";

/** Compares bytes, or metrics if the bytes of a step may vary. Exits with 3 on a difference. */
export const command = defineCommand({
  arguments: { run: required("run", "A finished run.") },
  options: {
    into: value("dir", "Keep the new store in this folder.", { default: "a folder that is deleted on success" }),
    trust,
    json,
  },
  async run({ run: name, into: chosen, trust, json }, context) {
    const project = await openProject(context.cwd, context, "read");
    const first = findRun(name, project.artifacts, context.cwd);
    const trusting = { trust, origin: foreignOrigin(first, project.artifacts) };
    declaredExperiment(first, project, trusting, context);
    const into = chosen === undefined ? freshFolder(project.artifacts) : resolve(context.cwd, chosen);
    if (chosen !== undefined && existsSync(into) && readdirSync(into).length > 0) {
      throw new UserError("folder-not-empty", `${chosen} is not empty`, {
        help: "name a new folder: a reproduction starts with an empty store",
        status: "invalid",
      });
    }
    const { file, set, sweep, smoke, coordinates, role, experiment } = first.manifest;
    const code = await runFiles(
      [join(project.root, file)],
      {
        ...{ set, sweep, smoke, ...trusting },
        only: { coordinates, role },
        artifacts: into,
        // Submitted jobs would end after this command.
        executor: inProcess().name,
        force: [],
        acceptStale: [],
        quiet: json,
        upload: false,
      },
      context,
    );
    const again = latestManifest(into, experiment);
    if (code !== exit.done || again === undefined) {
      context.err(`exp reproduce: the run did not finish. Its files are in ${relative(context.cwd, into)}\n`);
      return code === exit.done ? exit.failed : code;
    }
    const fresh = openStore(into, project.digests, "read");
    const ofFirst = recordsOf([first], project.store);
    const result = compareRepetition(first, again, {
      artifacts: project.artifacts,
      record: (key) => fresh.record(key) ?? ofFirst(key),
    });
    context.out(json ? `${JSON.stringify(result, null, 1)}\n` : resultText(result));
    if (chosen === undefined && result.reproduced) rmSync(into, { recursive: true, force: true });
    else if (!json) context.out(`The files of the new run are in ${relative(context.cwd, into)}\n`);
    return result.reproduced ? exit.done : exit.refused;
  },
});

/** A new folder on the disk of the artifacts, so that large files are linked and moved as they were. */
function freshFolder(artifacts: string): string {
  const folder = join(artifacts, "reproductions");
  mkdirSync(folder, { recursive: true });
  return mkdtempSync(join(folder, "again-"));
}

function resultText({ run, again, reproduced, steps, metrics, causes }: Reproduction): string {
  const lines = [""];
  for (const { step, outcome, files } of steps) {
    const words = { same: "same bytes", tolerated: "other bytes, within numerical tolerance", differs: "OTHER BYTES" };
    lines.push(`${step}: ${words[outcome]}${files.length === 0 ? "" : ` (${files.join(", ")})`}`);
  }
  const shown = (value: number | null): string => (value === null ? "none" : decimal(value, 3));
  for (const { arm, view, metric, was, is, low, high, within, forged } of metrics) {
    const bounds = boundsOf({ low, high });
    const where = bounds === null ? "no interval" : `${within ? "within" : "OUTSIDE"} ${interval(bounds)}`;
    const why = forged ? "NOT what the run's own files have" : where;
    lines.push(`${arm} ${metric} (${view}): ${shown(was)} -> ${shown(is)}, ${why}`);
  }
  if (causes.length > 0 && steps.some(({ outcome }) => outcome !== "same")) {
    lines.push("", "Likely causes:", ...causes.map((cause) => `  ${cause}`));
  }
  lines.push("", `${run} ${reproduced ? "is reproduced by" : "is NOT reproduced by"} ${again}`);
  return `${lines.join("\n")}\n`;
}
