import type { CurvePoint, LiveRun } from "../../runs/live-run.ts";
import { removeChart, showChart } from "./chart-view.ts";
import { element, elementById } from "./dom.ts";
import { trainingChart } from "./training-chart.ts";

/** Polling interval in ms. */
const interval = 1000;

type RunningStep = LiveRun["running"][number];

/** A part of the page that is updated in place, so that a chart, an open log and the focus stay. */
type View<T> = { readonly root: HTMLElement; update(value: T): void; remove(): void };

/** Polls the server for running experiments while the page is visible, and shows their progress in `container`. */
export function showLiveRuns(container: HTMLElement): void {
  let previous = -1;
  const status = elementById("live-status");
  const cards = viewList(container, (run: LiveRun) => `${run.started} ${run.files.join(" ")}`, runCard);
  const poll = async (): Promise<void> => {
    if (!document.hidden) {
      try {
        const reply = await fetch("live.json", { cache: "no-store" });
        const runs = (await reply.json()) as readonly LiveRun[];
        cards(runs);
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
        previous = -1;
      }
    }
    setTimeout(poll, interval);
  };
  void poll();
}

/** Keeps one view for each value in a container, in the order of the values. */
function viewList<T>(
  container: HTMLElement,
  keyOf: (value: T) => string,
  make: (value: T) => View<T>,
): (values: readonly T[]) => void {
  const views = new Map<string, View<T>>();
  return (values) => {
    const keys = new Set(values.map(keyOf));
    for (const [key, view] of views) {
      if (keys.has(key)) continue;
      view.remove();
      view.root.remove();
      views.delete(key);
    }
    for (const [at, value] of values.entries()) {
      const key = keyOf(value);
      const view = views.get(key) ?? make(value);
      views.set(key, view);
      if (container.children[at] !== view.root) container.insertBefore(view.root, container.children[at] ?? null);
      view.update(value);
    }
  };
}

/** The card of a running experiment. */
function runCard({ files }: LiveRun): View<LiveRun> {
  const summary = element("p", {});
  const bar = element("progress", { "aria-label": "steps" });
  const [steps, waiting, failures] = [element("div", {}), element("p", { class: "hint" }), element("div", {})];
  const finished = element("p", { class: "hint" });
  const name = files.join(", ");
  const showSteps = viewList(steps, (step: RunningStep) => step.step, stepPanel);
  const showFailures = viewList(failures, (failure: LiveRun["failed"][number]) => failure.step, failurePanel);
  return {
    root: element(
      "section",
      { class: "live", "aria-label": `Running: ${name}` },
      ...[element("h3", {}, name), summary, bar, failures, steps, waiting, finished],
    ),
    update(run) {
      const done = Object.values(run.counts).reduce((sum, count) => sum + count, 0);
      const outcomes = Object.entries(run.counts).filter(([, count]) => count > 0);
      const statuses = outcomes.map(([status, count]) => `${count} ${status}`).join(", ");
      const started = new Date(run.started).toLocaleTimeString();
      setText(
        summary,
        `${done} of ${run.total} steps${statuses === "" ? "" : ` (${statuses})`}, started at ${started}`,
      );
      setProgress(bar, done, run.total);
      showSteps(run.running.filter(({ log }) => log !== null));
      showFailures(run.failed);
      const idle = run.running.filter(({ log }) => log === null).map(({ step }) => step);
      const more = idle.length > mostNamed ? ` and ${idle.length - mostNamed} more` : "";
      show(waiting, idle.length === 0 ? "" : `Waiting for resources: ${idle.slice(0, mostNamed).join(", ")}${more}`);
      show(finished, run.finished.length === 0 ? "" : `Last finished: ${run.finished.join(", ")}`);
    },
    remove() {
      showSteps([]);
    },
  };
}

/** Waiting steps that are named. */
const mostNamed = 5;

/** Progress, losses and log of a running step. */
function stepPanel({ step }: RunningStep): View<RunningStep> {
  const state = element("span", {});
  const bar = element("progress", { "aria-label": step });
  const chart = element("div", { class: "chart" });
  const caption = element("figcaption", {});
  const figure = element("figure", {}, chart, caption);
  const log = logView();
  let drawn = "";
  return {
    root: element(
      "div",
      { class: "step" },
      element("p", {}, element("strong", {}, step), " ", state),
      bar,
      figure,
      log.root,
    ),
    update({ progress, loss, validation, log: name }) {
      const { done, total, unit = "" } = progress;
      const count = done === undefined || total === undefined ? "" : `${done} of ${total} ${unit}`;
      const parts = [
        count,
        progress.loss === undefined ? "" : `loss ${progress.loss.toFixed(4)}`,
        progress.validation_loss === undefined ? "" : `validation loss ${progress.validation_loss.toFixed(4)}`,
        progress.tokens_per_second === undefined ? "" : `${Math.round(progress.tokens_per_second)} tokens/s`,
        progress.seconds_left === undefined ? "" : `${timeLeft(progress.seconds_left)} left`,
        progress.message ?? "",
      ];
      setText(state, parts.filter((part) => part !== "").join(" · "));
      bar.hidden = total === undefined;
      setProgress(bar, done ?? 0, total ?? 1);
      const training = withLast(loss, done, progress.loss);
      figure.hidden = training.length + validation.length === 0;
      const data = JSON.stringify([training, validation]);
      if (!figure.hidden && data !== drawn) {
        drawn = data;
        const curve = { name: step, training, validation };
        const made = trainingChart([curve], { x: "optimiser step", y: "loss (nats per token)" });
        showChart(chart, made);
        setText(caption, made.label);
      }
      log.follow(name);
    },
    remove: () => removeChart(chart),
  };
}

/** The thinned points and the newest one. */
function withLast(
  points: readonly CurvePoint[],
  done: number | undefined,
  loss: number | undefined,
): readonly CurvePoint[] {
  const isNew = done !== undefined && loss !== undefined && done > (points.at(-1)?.[0] ?? 0);
  return isNew ? [...points, [done, loss]] : points;
}

function failurePanel({ step }: LiveRun["failed"][number]): View<LiveRun["failed"][number]> {
  const text = element("p", { class: "note" });
  const log = logView();
  return {
    root: element("div", { class: "step" }, text, log.root),
    update({ message, log: name }) {
      setText(text, `${step} failed: ${message}`);
      log.root.hidden = name === null;
      log.follow(name);
    },
    remove() {},
  };
}

/** The end of a log, which is read while the reader shows it. */
function logView(): { readonly root: HTMLElement; follow(name: string | null): void } {
  const text = element("pre", { tabindex: "0", class: "log", "aria-label": "End of the log" });
  const root = element("details", {}, element("summary", {}, "Log"), text);
  let shown: string | null = null;
  const load = async (): Promise<void> => {
    if (!root.open || shown === null) return;
    try {
      const reply = await fetch(`log.json?name=${encodeURIComponent(shown)}`, { cache: "no-store" });
      if (reply.status !== 200) return;
      const lines = (await reply.json()) as readonly string[];
      const isAtEnd = text.scrollTop + text.clientHeight >= text.scrollHeight - 4;
      setText(text, lines.length === 0 ? "The log is empty." : lines.join("\n"));
      if (isAtEnd) text.scrollTop = text.scrollHeight;
    } catch {
      // The list of running experiments reports a server that does not respond.
    }
  };
  root.addEventListener("toggle", () => void load());
  return {
    root,
    follow(name) {
      shown = name;
      void load();
    },
  };
}

function timeLeft(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Sets a text, or hides the element if it is empty. */
function show(target: HTMLElement, text: string): void {
  target.hidden = text === "";
  setText(target, text);
}

function setText(target: HTMLElement, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

function setProgress(bar: HTMLProgressElement, done: number, total: number): void {
  bar.max = Math.max(1, total);
  bar.value = done;
}
