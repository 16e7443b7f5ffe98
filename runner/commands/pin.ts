import { readFileSync, writeFileSync } from "node:fs";
import { relative } from "node:path";
import { type PinPlace, withRevision } from "../config/pin.ts";
import { resolveRevision } from "../hub/revision.ts";
import { findPins } from "../project/load.ts";
import { type Context, exit } from "../util/context.ts";
import { UserError } from "../util/user-error.ts";
import { defineCommand, required, value } from "./command.ts";
import { json, trust } from "./common-options.ts";

/** Changes nothing but revisions in the files. */
export const command = defineCommand({
  arguments: { file: required("file", "An experiment file.") },
  options: {
    to: value("ref", "Pin this branch, tag or commit.", { default: "the revision in the file, else main" }),
    of: value("name", "Pin this model or data set only.", { default: "all" }),
    json,
    trust,
  },
  async run({ file: path, to, of, json, trust }, context) {
    const all = findPins(path, trust, context);
    const places = of === undefined ? all : all.filter(({ name }) => name === of);
    if (places.length === 0) {
      const help = `it names ${all.map(({ name }) => name).join(", ")}`;
      throw new UserError("bad-option", `${path} does not name ${of} of the hub`, { help, status: "invalid" });
    }
    const pinned: Pinned[] = [];
    const commits = new Map<string, Promise<{ readonly commit: string; readonly gated: boolean }>>();
    // Every commit is known before a file changes.
    for (const place of places) pinned.push(await commitOf(place, to, commits, context));
    for (const one of pinned) if (one.ref !== undefined) write(one, relative(context.cwd, one.file));
    if (json) {
      const shown = pinned.map((one) => ({
        file: relative(context.cwd, one.file),
        ...(one.kind === "model" ? { base: one.name } : { dataset: one.name, key: one.path.join(".") }),
        before: one.revision ?? null,
        ...{ commit: one.commit, changed: one.commit !== one.revision, gated: one.gated },
      }));
      context.out(`${JSON.stringify(shown.length === 1 ? shown[0] : shown, null, 1)}\n`);
      return exit.done;
    }
    for (const one of pinned) context.out(`${relative(context.cwd, one.file)}: ${resultText(one)}\n`);
    for (const name of new Set(pinned.filter(({ gated }) => gated).map(({ name }) => name)))
      context.out(`${name} is gated: accept its conditions on its page and set HF_TOKEN before exp run\n`);
    return exit.done;
  },
});

/** A place with its commit. `ref` is what was resolved; undefined if the place is pinned already. */
type Pinned = PinPlace & { readonly commit: string; readonly gated: boolean; readonly ref: string | undefined };

async function commitOf(
  place: PinPlace,
  to: string | undefined,
  commits: Map<string, ReturnType<typeof resolveRevision>>,
  context: Context,
): Promise<Pinned> {
  const { kind, name, revision } = place;
  if (to === undefined && revision !== undefined && /^[0-9a-f]{40}$/.test(revision))
    return { ...place, commit: revision, gated: false, ref: undefined };
  const ref = to ?? revision ?? "main";
  const key = JSON.stringify([kind, name, ref]);
  const resolving = commits.get(key) ?? resolveRevision({ kind, name, revision: ref }, context);
  commits.set(key, resolving);
  return { ...place, ...(await resolving), ref };
}

/** Several commits may go into one file. */
function write(place: Pinned, file: string): void {
  const text = withRevision(readFileSync(place.file, "utf8"), place, place.commit);
  if (text === undefined) {
    throw new UserError(
      "cannot-pin",
      `cannot write the commit into ${file}: ${place.path.join(".")} is not a map of keys`,
      {
        help: `add revision: ${place.commit} next to the name of ${place.name}`,
      },
    );
  }
  writeFileSync(place.file, text);
}

function resultText({ name, commit, ref }: Pinned): string {
  if (ref === undefined) return `${name} is already pinned to ${commit} (to move it: --to main)`;
  return `${name} is pinned to ${commit}${ref === commit ? "" : ` (${ref})`}`;
}
