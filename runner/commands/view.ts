import { openStored } from "../project/place.ts";
import { comparePage, indexPage, messagePage, runPage, type ViewWorld } from "../reporting/dashboard/pages.ts";
import { type Reply, type Serving, serve } from "../reporting/dashboard/server.ts";
import { FactsMissing } from "../reporting/facts/run-facts.ts";
import { html } from "../reporting/render/html/html.ts";
import { readAssets } from "../reporting/render/html/page.ts";
import { NotComparable } from "../runs/compare.ts";
import { type FinishedRun, latestManifest, listRuns, RunNotFound } from "../runs/finished-runs.ts";
import { liveRuns } from "../runs/live-runs.ts";
import { OutputGone } from "../runs/run-outputs.ts";
import { type Act, exit } from "../util/context.ts";

/** `exp view`: pages over all runs of this project, on this machine alone, until Ctrl-C. */
export const command: Act = async (_args, options, context) => {
  const port = options.port === undefined ? 0 : Number(options.port);
  if (!(Number.isInteger(port) && port >= 0 && port < 65_536)) {
    context.err(`exp view: --port takes a number up to 65535, not "${options.port}"\n`);
    return exit.invalid;
  }
  const { root, artifacts, store } = openStored(context.cwd, context, "read");
  const world: ViewWorld = { root, artifacts, store, assets: readAssets(context.packageRoot) };
  let serving: Serving;
  try {
    serving = await serve(port, (url) => answer(url, world));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== "EADDRINUSE" && code !== "EACCES") throw error;
    const why = code === "EADDRINUSE" ? `port ${port} is in use` : message;
    context.err(`exp view: ${why}; without --port a free one is taken\n`);
    return exit.invalid;
  }
  context.out(`http://127.0.0.1:${serving.port}/\n`);
  if (!context.stop.aborted)
    await new Promise<void>((resolve) => context.stop.addEventListener("abort", () => resolve(), { once: true }));
  await serving.close();
  store.close();
  return exit.done;
};

async function answer(url: URL, world: ViewWorld): Promise<Reply> {
  const page = (body: string, status = 200): Reply => ({ status, type: "text/html", body });
  try {
    if (url.pathname === "/live.json")
      return { status: 200, type: "application/json", body: JSON.stringify(liveRuns(world.artifacts)) };
    const runs = listRuns(world.artifacts);
    if (url.pathname === "/") return page(indexPage(runs, world));
    if (url.pathname === "/compare") {
      const [first, ...others] = chosen(url, runs, world);
      if (first === undefined) throw new RunNotFound("choose runs on the page of all runs");
      return page(await comparePage([first, ...others], url.searchParams.has("force"), world));
    }
    const [, folder, ...names] = url.pathname.split("/");
    if (folder === "runs" && names.length === 2)
      return page(await runPage(oneOf(names.map(decode).join("/"), runs, world), world));
    return page(messagePage("There is no such page", [], world), 404);
  } catch (error) {
    if (error instanceof NotComparable) {
      const anyway = html`<a href="${`${url.pathname}${url.search}&force=1`}">Compare the cases that they have in common</a>`;
      return page(messagePage("These runs are not comparable", [...error.reasons, anyway], world), 409);
    }
    if (error instanceof RunNotFound || error instanceof FactsMissing || error instanceof OutputGone)
      return page(messagePage("Nothing to show", [error.message], world), 404);
    throw error;
  }
}

/** Runs that `?runs=a,b` names; each is encoded for itself, since names of a sweep's runs hold commas. */
function chosen(url: URL, runs: readonly FinishedRun[], world: ViewWorld): readonly FinishedRun[] {
  const names = /[?&]runs=([^&]*)/.exec(url.search)?.[1] ?? "";
  const all = names.split(",").filter((name) => name !== "");
  return [...new Set(all.map(decode))].map((name) => oneOf(name, runs, world));
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The run "experiment/run", or the latest of an experiment; only what the project lists can be named. Throws RunNotFound. */
function oneOf(name: string, runs: readonly FinishedRun[], { artifacts }: ViewWorld): FinishedRun {
  const found = runs.find(({ manifest }) => `${manifest.experiment}/${manifest.run}` === name);
  if (found !== undefined) return found;
  const known = runs.some(({ manifest }) => manifest.experiment === name);
  const latest = known ? latestManifest(artifacts, name) : undefined;
  if (latest === undefined) throw new RunNotFound(`no finished run "${name}"`);
  return latest;
}
