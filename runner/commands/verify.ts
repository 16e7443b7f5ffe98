import { relative } from "node:path";
import { huggingFaceCache } from "../hub/places.ts";
import { openProject } from "../project/project.ts";
import { type FinishedRun, findAnyRun, listReadableRuns, type UnreadableRun } from "../runs/finished-runs.ts";
import { Verifier } from "../runs/verify.ts";
import { type Repaired, repair } from "../store/repair.ts";
import { type Context, exit } from "../util/context.ts";
import { plural } from "../util/format.ts";
import { UserError } from "../util/user-error.ts";
import { defineCommand, flag, optional } from "./command.ts";
import { json } from "./common-options.ts";

/** Reads every file, whatever the digest cache holds. Exits with 3 if a file is missing or changed. */
export const command = defineCommand({
  arguments: { run: optional("run", "A finished run. Without one, all runs are checked.") },
  options: {
    store: flag("Check every stored file, also those that no run refers to, and the store's records."),
    repair: flag(
      "With --store: remove what is wrong, so that the next run builds it again, and list what was removed.",
    ),
    json,
  },
  async run({ run: name, store: isWhole, repair: isRepair, json }, context) {
    if (isRepair && !isWhole) {
      throw new UserError("bad-option", "--repair needs --store", {
        help: "write exp verify --store --repair",
        status: "invalid",
      });
    }
    const { root, artifacts, site, store } = await openProject(context.cwd, context, isRepair ? "write" : "read");
    let repaired: readonly Repaired[] | undefined;
    const verifier = new Verifier({
      cache: huggingFaceCache(context.env),
      root,
      artifacts,
      packageRoot: context.packageRoot,
      weights: (base, revision) => site.model(base, revision).dir,
    });
    try {
      const none = { runs: [], unreadable: [] };
      const all = name === undefined ? (isWhole ? none : listReadableRuns(artifacts)) : named(name, artifacts, context);
      if (all.runs.length + all.unreadable.length === 0 && !isWhole) {
        throw new UserError("run-not-found", "there are no finished runs yet", {
          help: "exp run FILE",
          status: "invalid",
        });
      }
      for (const run of all.runs) verifier.run(run);
      for (const one of all.unreadable) verifier.unreadable(one);
      if (name === undefined) verifier.project();
      const findings = isWhole ? verifier.store(store) : [];
      if (isRepair) repaired = repair(store, findings);
    } finally {
      store.close();
    }
    const { files, bytes, flaws, notes } = verifier.verified;
    const left = repaired === undefined ? flaws : flaws.filter((flaw) => flaw.of !== "store");
    const isIntact = left.length === 0 && (repaired ?? []).every(({ removed }) => removed);
    const code = isIntact ? exit.done : exit.refused;
    if (json) {
      context.out(`${JSON.stringify({ files, bytes, flaws, notes, repaired }, null, 1)}\n`);
      return code;
    }
    for (const { of, file, what } of flaws) context.out(`${of}: ${relative(context.cwd, `${root}/${file}`)} ${what}\n`);
    for (const note of notes) context.err(`exp verify: ${note}\n`);
    const read = `${plural(files, "file")} (${(bytes / 1e6).toFixed(1)} MB) read`;
    context.out(
      flaws.length === 0 ? `${read}: no difference from the manifest\n` : `${read}: ${plural(flaws.length, "flaw")}\n`,
    );
    for (const { path, did } of repaired ?? [])
      context.out(`${relative(context.cwd, `${artifacts}/${path}`)}: ${did}\n`);
    return code;
  },
});

/** The run that a user names, as the list of all runs. Throws UserError run-not-found. */
function named(
  name: string,
  artifacts: string,
  { cwd }: Pick<Context, "cwd">,
): { readonly runs: readonly FinishedRun[]; readonly unreadable: readonly UnreadableRun[] } {
  const run = findAnyRun(name, artifacts, cwd);
  return "manifest" in run ? { runs: [run], unreadable: [] } : { runs: [], unreadable: [run] };
}
