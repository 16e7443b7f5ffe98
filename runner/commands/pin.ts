import { readFileSync, writeFileSync } from "node:fs";
import { relative } from "node:path";
import { withRevision } from "../config/pin.ts";
import { findPin } from "../project/load.ts";
import { resolveRevision } from "../publishing/hub/revision.ts";
import { exit } from "../util/context.ts";
import { UserError } from "../util/user-error.ts";
import { defineCommand, required, value } from "./command.ts";
import { json } from "./common-options.ts";

/** Changes nothing but the revision in the file. */
export const command = defineCommand({
  arguments: { file: required("file", "An experiment file.") },
  options: {
    to: value("ref", "Pin this branch, tag or commit.", { default: "the revision in the file, else main" }),
    json,
  },
  async run({ file: path, to, json }, context) {
    const place = findPin(path, context);
    const file = relative(context.cwd, place.file);
    const { base, revision: before } = place;
    const report = (commit: string, gated: boolean, result: string): number => {
      if (json) {
        const changed = commit !== before;
        context.out(`${JSON.stringify({ file, base, before: before ?? null, commit, changed, gated }, null, 1)}\n`);
        return exit.done;
      }
      context.out(`${file}: ${result}\n`);
      if (gated) context.out(`${base} is gated: accept its conditions on its page and set HF_TOKEN before exp run\n`);
      return exit.done;
    };
    if (to === undefined && before !== undefined && /^[0-9a-f]{40}$/.test(before)) {
      return report(before, false, `${base} is already pinned to ${before} (to move it: --to main)`);
    }
    const ref = to ?? before ?? "main";
    const { commit, gated } = await resolveRevision(base, ref, context);
    const text = withRevision(readFileSync(place.file, "utf8"), commit);
    if (text === undefined) {
      throw new UserError("cannot-pin", `cannot write the commit into ${file}: model is not a map of keys`, {
        help: `add revision: ${commit} next to model.base`,
      });
    }
    writeFileSync(place.file, text);
    return report(commit, gated, `${base} is pinned to ${commit}${ref === commit ? "" : ` (${ref})`}`);
  },
});
