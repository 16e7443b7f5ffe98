import { parse, View } from "vega";
import { expressionInterpreter } from "vega-interpreter";
import { compile, type TopLevelSpec } from "vega-lite";

/** The palette of Okabe and Ito without black, which is invisible on a dark page. */
const palette = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"];

/** A Vega-Lite specification without size and theme. */
export type Chart = {
  /** What the chart shows, for screen readers. */
  readonly label: string;
  /** The text below the chart; the label if it is absent. */
  readonly caption?: string;
  /** Height of the axes in pixels; absent if the specification has steps. */
  readonly height?: number;
  readonly spec: Spec | ((isNarrow: boolean) => Spec);
};

type Spec = Readonly<Record<string, unknown>>;

/** The chart that a container shows; a later call replaces an unfinished one. */
const shown = new WeakMap<HTMLElement, { readonly chart: Chart; view?: View }>();

/** Stops the observation of a container. */
const watches = new WeakMap<HTMLElement, AbortController>();

/**
 * Draws a chart as wide as its container, and again if the container's width or the colour scheme changes. Expressions are
 * interpreted, because the content security policy forbids eval.
 */
export function showChart(container: HTMLElement, chart: Chart): void {
  if (!watches.has(container)) watch(container);
  shown.get(container)?.view?.finalize();
  shown.set(container, { chart });
  void draw(container);
}

/** Frees what a chart uses. */
export function removeChart(container: HTMLElement): void {
  watches.get(container)?.abort();
  watches.delete(container);
  shown.get(container)?.view?.finalize();
  shown.delete(container);
}

/** Draws the chart again if the container's width or the colour scheme changes. */
function watch(container: HTMLElement): void {
  const { signal } = watches.set(container, new AbortController()).get(container) as AbortController;
  let width = container.clientWidth;
  const observer = new ResizeObserver(() => {
    if (container.clientWidth === width || container.clientWidth === 0) return;
    width = container.clientWidth;
    void draw(container);
  });
  observer.observe(container);
  signal.addEventListener("abort", () => observer.disconnect());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => void draw(container), { signal });
}

async function draw(container: HTMLElement): Promise<void> {
  const current = shown.get(container);
  if (current === undefined || container.clientWidth === 0) return;
  const { spec, height, label } = current.chart;
  const full = {
    ...(typeof spec === "function" ? spec(container.clientWidth < narrow) : spec),
    width: Math.max(200, container.clientWidth),
    ...(height === undefined ? {} : { height }),
    config: themeOf(container),
  };
  // The height is that of the axes; a legend below them adds to it. Vega-Lite would warn of a chart with a row for each
  // value that its height cannot be fitted, which nobody requests.
  const compiled = { ...compile(full as unknown as TopLevelSpec).spec, autosize };
  const view = new View(parse(compiled, undefined, { ast: true }), { renderer: "svg", expr: expressionInterpreter });
  const target = document.createElement("div");
  await view.initialize(target).runAsync();
  if (shown.get(container) !== current) {
    view.finalize();
    return;
  }
  current.view?.finalize();
  current.view = view;
  target.querySelector("svg")?.setAttribute("aria-hidden", "true");
  container.setAttribute("role", "img");
  container.setAttribute("aria-label", label);
  container.replaceChildren(target);
}

const autosize = { type: "fit-x", contains: "padding" } as const;

/** Below this width in pixels a chart has long labels on several lines. */
const narrow = 600;

/** Font and colours of the page. */
function themeOf(container: HTMLElement): Readonly<Record<string, unknown>> {
  const style = getComputedStyle(container);
  const of = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
  const isNarrow = container.clientWidth < narrow;
  const text = { labelColor: of("soft"), titleColor: of("text"), labelFontSize: 12, titleFontSize: 12 };
  return {
    background: "transparent",
    font: style.fontFamily,
    aria: false,
    axis: { ...text, gridColor: of("line"), gridOpacity: 0.6, domainColor: of("soft"), tickColor: of("soft") },
    axisY: { labelLimit: Math.min(340, container.clientWidth * 0.45) },
    legend: {
      ...{ ...text, orient: "bottom", columns: isNarrow ? 1 : 3, labelLimit: 260 },
      layout: { bottom: { direction: isNarrow ? "vertical" : "horizontal", anchor: "start" } },
    },
    header: text,
    title: { color: of("text") },
    text: { color: of("text") },
    view: { stroke: of("line") },
    rule: { color: of("soft") },
    range: { category: palette, ramp: isDark ? ["#4a6076", "#9bd0ff"] : ["#a9c8e4", "#08306b"] },
  };
}
