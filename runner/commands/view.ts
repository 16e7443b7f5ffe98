import { metricOpener } from "../project/own-metrics.ts";
import { openStored } from "../project/place.ts";
import { comparePage, indexPage, messagePage, runPage, type ViewContext } from "../reporting/dashboard/pages.ts";
import { type Reply, serve } from "../reporting/dashboard/server.ts";
import { html } from "../reporting/render/html/html.ts";
import { readAssets } from "../reporting/render/html/page.ts";
import { type FinishedRun, latestManifest, listReadableRuns, runNotFound } from "../runs/finished-runs.ts";
import { isLogName, liveLog, liveRuns } from "../runs/live-runs.ts";
import { exit } from "../util/context.ts";
import { UserError } from "../util/user-error.ts";
import { defineCommand, integer } from "./command.ts";

/** Serves until SIGINT, on the loopback address only. */
export const command = defineCommand({
  arguments: {},
  options: { port: integer("n", "Listen on this port. Default: a free one.", { min: 0, max: 65_535 }) },
  async run({ port = 0 }, context) {
    const { root, artifacts, store, digests } = openStored(context.cwd, context, "read");
    const metric = metricOpener(root, context, { trust: false });
    const world: Omit<ViewContext, "base"> = {
      root,
      artifacts,
      store,
      digests,
      assets: readAssets(context.packageRoot),
      metric,
    };
    const reportError = (message: string): void => context.err(`exp view: ${message}\n`);
    const serving = await serve(port, (url, base) => answer(url, { ...world, base }, reportError)).catch(
      (error: NodeJS.ErrnoException) => {
        const { code, message } = error;
        if (code !== "EADDRINUSE" && code !== "EACCES") throw error;
        throw new UserError("port-unavailable", code === "EADDRINUSE" ? `port ${port} is in use` : message, {
          help: "leave out --port to use a free one",
          status: "invalid",
        });
      },
    );
    context.out(`${serving.address}\n`);
    if (!context.stop.aborted)
      await new Promise<void>((resolve) => context.stop.addEventListener("abort", () => resolve(), { once: true }));
    await serving.close();
    store.close();
    return exit.done;
  },
});

/** The page of an address. An error that exp does not expect, such as a damaged file of a run, costs this page only. */
async function answer(url: URL, world: ViewContext, reportError: (message: string) => void): Promise<Reply> {
  const page = (body: string, status = 200): Reply => ({ status, type: "text/html", body });
  try {
    if (url.pathname === "/live.json")
      return { status: 200, type: "application/json", body: JSON.stringify(liveRuns(world.artifacts)) };
    if (url.pathname === "/log.json") {
      const name = url.searchParams.get("name") ?? "";
      const lines = liveLog(world.artifacts, name);
      // The step of a log may have ended since the page read the list.
      const status = lines !== undefined ? 200 : isLogName(name) ? 204 : 404;
      return { status, type: "application/json", body: lines === undefined ? "" : JSON.stringify(lines) };
    }
    const { runs, unreadable } = listReadableRuns(world.artifacts);
    if (url.pathname === "/") return page(indexPage(runs, unreadable, world));
    if (url.pathname === "/compare") {
      const [first, ...others] = chosen(url, runs, world);
      if (first === undefined) throw runNotFound("choose runs on the page of all runs");
      return page(await comparePage([first, ...others], url.searchParams.has("force"), world));
    }
    const [, folder, ...names] = url.pathname.split("/");
    if (folder === "runs" && names.length === 2)
      return page(await runPage(oneOf(names.map(decode).join("/"), runs, world), world));
    return page(messagePage("Page not found", [], world), 404);
  } catch (error) {
    if (!(error instanceof UserError)) {
      reportError(`${url.pathname}: ${(error as Error).message}`);
      const help = "A file of the run may be damaged: run exp verify.";
      return page(messagePage("This page cannot be shown", [help], world), 422);
    }
    if (error.code !== "runs-not-comparable") return page(messagePage("Nothing to show", [error.message], world), 404);
    const anyway = html`<a href="${`${world.base}${url.pathname}${url.search}&force=1`}">Compare the cases that they have in common</a>`;
    return page(messagePage("These runs are not comparable", [error.message, anyway], world), 409);
  }
}

/** Runs that `?runs=a,b` names. Each name is encoded separately, because names of a sweep's runs contain commas. */
function chosen(url: URL, runs: readonly FinishedRun[], world: ViewContext): readonly FinishedRun[] {
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

/** The run "experiment/run", or the latest of an experiment; paths outside of the project are not accepted. Throws UserError `run-not-found`. */
function oneOf(name: string, runs: readonly FinishedRun[], { artifacts }: ViewContext): FinishedRun {
  const found = runs.find(({ manifest }) => `${manifest.experiment}/${manifest.run}` === name);
  if (found !== undefined) return found;
  const known = runs.some(({ manifest }) => manifest.experiment === name);
  const latest = known ? latestManifest(artifacts, name) : undefined;
  if (latest === undefined) throw runNotFound(`no finished run "${name}"`);
  return latest;
}
