import { statSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import type { Event } from "../../execution/event.ts";
import type { Project } from "../../project/project.ts";
import type { Context } from "../../util/context.ts";
import { Mirror } from "./mirror.ts";

/** How long the end of a run, and a Ctrl-C, wait for copies that are still to be made. ms */
const patience = { end: 600_000, interrupted: 20_000 };

/** What is wrong with the folder of `--mirror`, in words; undefined when nothing is. */
export function wrongMirror(folder: string, project: Pick<Project, "artifacts">, context: Context): string | undefined {
  const path = resolve(context.cwd, folder);
  if (isBelow(path, project.artifacts) || isBelow(project.artifacts, path)) {
    return `--mirror ${folder}: artifacts/ cannot be mirrored into itself; name a folder on another disk`;
  }
  const around = statSync(dirname(path), { throwIfNoEntry: false });
  if (around?.isDirectory() !== true) {
    return `--mirror ${folder}: there is no folder ${dirname(path)}; is its disk mounted?`;
  }
  const there = statSync(path, { throwIfNoEntry: false });
  return there === undefined || there.isDirectory() ? undefined : `--mirror ${folder}: this is a file, not a folder`;
}

/** Opens the mirror; what goes wrong with it is told as an event and never fails the run. */
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

/** Waits for what is still to be copied: long after a run, briefly after a Ctrl-C, not at all after a second one. */
export async function closeMirror(mirror: Mirror, context: Context): Promise<void> {
  const hurry = new AbortController();
  const shorten = (): void => void setTimeout(() => hurry.abort(), patience.interrupted).unref();
  const end = (): void => hurry.abort();
  if (context.stop.aborted) shorten();
  else context.stop.addEventListener("abort", shorten, { once: true });
  if (context.kill.aborted) end();
  else context.kill.addEventListener("abort", end, { once: true });
  await mirror.close(patience.end, hurry.signal);
}

function isBelow(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way === "" || !way.startsWith("..");
}
