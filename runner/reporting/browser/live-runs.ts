import type { LiveRun } from "../../runs/live-run.ts";
import { element, named } from "./dom.ts";

/** How often the server is asked, in ms. */
const pace = 1000;

/** Shows what running processes are at, as long as the page is looked at; a run that has ended is offered by a fresh page. */
export function followRuns(place: HTMLElement): void {
  let before = -1;
  const say = named("live-said");
  const ask = async (): Promise<void> => {
    if (!document.hidden) {
      try {
        const reply = await fetch("/live.json", { cache: "no-store" });
        const runs = (await reply.json()) as readonly LiveRun[];
        place.replaceChildren(...runs.map(card));
        if (runs.length !== before) {
          const word = runs.length === 1 ? "1 run is going on" : `${runs.length} runs are going on`;
          if (before > runs.length)
            say.replaceChildren("A run has ended. ", element("a", { href: location.href }, "Load the page again"));
          else say.textContent = runs.length === 0 ? "Nothing is running." : `${word}.`;
          before = runs.length;
        }
      } catch {
        say.textContent = "exp view does not answer any more.";
      }
    }
    setTimeout(ask, pace);
  };
  void ask();
}

function card({ files, started, total, counts, running, failed, finished }: LiveRun): HTMLElement {
  const done = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const how = Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${count} ${name}`)
    .join(", ");
  return element(
    "section",
    { class: "live", "aria-label": `Running: ${files.join(", ")}` },
    element("h3", {}, files.join(", ")),
    element("p", {}, `${done} of ${total} steps${how === "" ? "" : ` (${how})`}, since ${clock(started)}`),
    bar(done, total, "steps"),
    ...running.map((step) => {
      const { progress } = step;
      const counted =
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
          `${counted}${loss}${left}`,
          progress.message ? `: ${progress.message}` : "",
        ),
        ...(progress.total === undefined ? [] : [bar(progress.done ?? 0, progress.total, step.step)]),
        ...(step.loss.length > 1 ? [curve(step.loss, step.step)] : []),
      );
    }),
    ...failed.map(({ step, message }) => element("p", { class: "note" }, `${step} failed: ${message}`)),
    ...(finished.length === 0 ? [] : [element("p", { class: "hint" }, `Last ended: ${finished.join(", ")}`)]),
  );
}

const clock = (at: string): string => new Date(at).toLocaleTimeString();

function bar(done: number, total: number, name: string): HTMLElement {
  return element("progress", { value: String(done), max: String(Math.max(1, total)), "aria-label": name });
}

/** The loss so far, without axes: the last value stands in words above it. */
function curve(points: readonly (readonly [number, number])[], name: string): Element {
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const at = ([x, y]: readonly [number, number]): string =>
    `${((x - left) / (right - left || 1)) * 300},${60 - ((y - low) / (high - low || 1)) * 60}`;
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  for (const [key, value] of Object.entries({ viewBox: "-2 -2 304 64", width: "304", height: "64", role: "img" }))
    svg.setAttribute(key, value);
  svg.setAttribute("aria-label", `Loss of ${name}, from ${high.toFixed(3)} at most to ${low.toFixed(3)} at least`);
  const line = document.createElementNS(space, "polyline");
  line.setAttribute("points", points.map(at).join(" "));
  svg.append(line);
  return svg;
}
