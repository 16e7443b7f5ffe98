import { readFileSync, writeFileSync } from "node:fs";
import { relative } from "node:path";
import { withRevision } from "../config/pin.ts";
import { findPin } from "../project/load.ts";
import { resolveRevision } from "../publishing/hub/revision.ts";
import { type Act, exit } from "../util/context.ts";
import { UserError } from "../util/user-error.ts";

/** `exp pin`: writes the commit of the model into the file that names it, and touches nothing else in it. */
export const command: Act = async ([path], options, context) => {
  const place = findPin(path as string, options, context);
  if (place === undefined) return exit.invalid;
  const file = relative(context.cwd, place.file);
  const { base, revision: before } = place;
  const report = (commit: string, gated: boolean, said: string): number => {
    if (options.json === true) {
      const changed = commit !== before;
      context.out(`${JSON.stringify({ file, base, before: before ?? null, commit, changed, gated }, null, 1)}\n`);
      return exit.done;
    }
    context.out(`${file}: ${said}\n`);
    if (gated) context.out(`${base} is gated: accept its conditions on its page and set HF_TOKEN before exp run\n`);
    return exit.done;
  };
  const to = options.to as string | undefined;
  if (to === undefined && before !== undefined && /^[0-9a-f]{40}$/.test(before)) {
    return report(before, false, `${base} is pinned to ${before} already (--to main moves it)`);
  }
  const ref = to ?? before ?? "main";
  try {
    const { commit, gated } = await resolveRevision(base, ref, context);
    const text = withRevision(readFileSync(place.file, "utf8"), commit);
    if (text === undefined) {
      const help = `write revision: ${commit} beside model.base by hand`;
      throw new UserError("cannot-pin", `${file}: the model is not written out as a map`, { help });
    }
    writeFileSync(place.file, text);
    return report(commit, gated, `${base} is pinned to ${commit}${ref === commit ? "" : ` (${ref})`}`);
  } catch (error) {
    if (context.stop.aborted) return exit.interrupted;
    if (!(error instanceof UserError)) throw error;
    if (options.json === true) {
      const { code, message, help } = error;
      context.out(`${JSON.stringify({ severity: "error", code, message, help })}\n`);
    } else context.err(`exp pin: ${error.message} [${error.code}]\n  help: ${error.help}\n`);
    return exit.failed;
  }
};
