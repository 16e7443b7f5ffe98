import { statSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import type { Event } from "../../execution/event.ts";
import type { Project } from "../../project/project.ts";
import type { Context } from "../../util/context.ts";
import { Mirror } from "./mirror.ts";

/** How long the end of a run and an interruption wait for pending copies. ms */
const timeouts = { end: 600_000, interrupted: 20_000 };

/** What is wrong with the folder of `--mirror`; undefined if it can be used. */
export function mirrorProblem(
  folder: string,
  project: Pick<Project, "artifacts">,
  context: Context,
): string | undefined {
  const path = resolve(context.cwd, folder);
  if (isBelow(path, project.artifacts) || isBelow(project.artifacts, path)) {
    return `--mirror ${folder}: a mirror cannot be inside artifacts/, or artifacts/ inside it. Name a folder on another disk`;
  }
  const parent = statSync(dirname(path), { throwIfNoEntry: false });
  if (parent?.isDirectory() !== true) {
    return `--mirror ${folder}: the folder ${dirname(path)} does not exist. Mount its disk, or correct the path`;
  }
  const existing = statSync(path, { throwIfNoEntry: false });
  return existing === undefined || existing.isDirectory()
    ? undefined
    : `--mirror ${folder}: it is a file, not a folder`;
}

/** Opens the mirror. Its failures are emitted as warnings and never fail the run. */
export async function openMirror(
  folder: string,
  project: Project,
  context: Context,
  emit: (event: Event) => void,
): Promise<Mirror> {
  const { store, digests } = project;
  const warn = (message: string): void => emit({ type: "note", level: "warning", message });
  const mirror = new Mirror(resolve(context.cwd, folder), { store, digests, warn });
  await mirror.open();
  return mirror;
}

/** Waits for pending copies: long after a run, briefly after a Ctrl-C, not at all after a second Ctrl-C. */
export async function closeMirror(mirror: Mirror, context: Context): Promise<void> {
  const hurry = new AbortController();
  const shorten = (): void => void setTimeout(() => hurry.abort(), timeouts.interrupted).unref();
  const end = (): void => hurry.abort();
  if (context.stop.aborted) shorten();
  else context.stop.addEventListener("abort", shorten, { once: true });
  if (context.kill.aborted) end();
  else context.kill.addEventListener("abort", end, { once: true });
  await mirror.close(timeouts.end, hurry.signal);
}

function isBelow(path: string, folder: string): boolean {
  const steps = relative(folder, path);
  return steps === "" || !steps.startsWith("..");
}
