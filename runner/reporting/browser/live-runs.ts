import type { LiveRun } from "../../runs/live-run.ts";
import { element, elementById } from "./dom.ts";

/** Polling interval in ms. */
const interval = 1000;

/** Polls the server for running experiments while the page is visible, and shows their progress in `container`. */
export function showLiveRuns(container: HTMLElement): void {
  let previous = -1;
  const status = elementById("live-status");
  const poll = async (): Promise<void> => {
    if (!document.hidden) {
      try {
        const reply = await fetch("/live.json", { cache: "no-store" });
        const runs = (await reply.json()) as readonly LiveRun[];
        container.replaceChildren(...runs.map(card));
        if (runs.length !== previous) {
          const count = runs.length === 1 ? "1 experiment is running." : `${runs.length} experiments are running.`;
          if (previous > runs.length)
            status.replaceChildren(
              "An experiment has ended. ",
              element("a", { href: location.href }, "Reload the page"),
            );
          else status.textContent = runs.length === 0 ? "No experiment is running." : count;
          previous = runs.length;
        }
      } catch {
        status.textContent = "The exp view server does not respond.";
      }
    }
    setTimeout(poll, interval);
  };
  void poll();
}

function card({ files, started, total, counts, running, failed, finished }: LiveRun): HTMLElement {
  const done = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const statuses = Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${count} ${name}`)
    .join(", ");
  return element(
    "section",
    { class: "live", "aria-label": `Running: ${files.join(", ")}` },
    element("h3", {}, files.join(", ")),
    element(
      "p",
      {},
      `${done} of ${total} steps${statuses === "" ? "" : ` (${statuses})`}, started at ${clock(started)}`,
    ),
    bar(done, total, "steps"),
    ...running.map((step) => {
      const { progress } = step;
      const count =
        progress.total === undefined ? "" : ` ${progress.done ?? 0} of ${progress.total} ${progress.unit ?? ""}`;
      const left = progress.seconds_left === undefined ? "" : `, ${Math.round(progress.seconds_left)} s left`;
      const loss = progress.loss === undefined ? "" : `, loss ${progress.loss.toFixed(3)}`;
      return element(
        "div",
        {},
        element(
          "p",
          {},
          element("strong", {}, step.step),
          `${count}${loss}${left}`,
          progress.message ? `: ${progress.message}` : "",
        ),
        ...(progress.total === undefined ? [] : [bar(progress.done ?? 0, progress.total, step.step)]),
        ...(step.loss.length > 1 ? [curve(step.loss, step.step)] : []),
      );
    }),
    ...failed.map(({ step, message }) => element("p", { class: "note" }, `${step} failed: ${message}`)),
    ...(finished.length === 0 ? [] : [element("p", { class: "hint" }, `Last finished: ${finished.join(", ")}`)]),
  );
}

const clock = (at: string): string => new Date(at).toLocaleTimeString();

function bar(done: number, total: number, name: string): HTMLElement {
  return element("progress", { value: String(done), max: String(Math.max(1, total)), "aria-label": name });
}

/** The loss curve without axes; the text above shows the last value. */
function curve(points: readonly (readonly [number, number])[], name: string): Element {
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const at = ([x, y]: readonly [number, number]): string =>
    `${((x - left) / (right - left || 1)) * 300},${60 - ((y - low) / (high - low || 1)) * 60}`;
  const namespace = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(namespace, "svg");
  for (const [key, value] of Object.entries({ viewBox: "-2 -2 304 64", width: "304", height: "64", role: "img" }))
    svg.setAttribute(key, value);
  svg.setAttribute("aria-label", `Loss of ${name}: maximum ${high.toFixed(3)}, minimum ${low.toFixed(3)}`);
  const line = document.createElementNS(namespace, "polyline");
  line.setAttribute("points", points.map(at).join(" "));
  svg.append(line);
  return svg;
}
