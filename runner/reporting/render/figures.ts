import type { TopLevelSpec } from "vega-lite";
import { validJson } from "../../util/valid-text.ts";
import { textWidth } from "./text-width.ts";

type Metrics = { width(item: { readonly fontSize?: number }, text: unknown): number };

/** Imports Vega, which takes 0.15 s, for the first figure. */
async function loadVega() {
  const [vega, { compile }] = await Promise.all([import("vega"), import("vega-lite")]);
  // Without a canvas, Vega overestimates text widths by a factor of nearly two, which truncates labels. The types of Vega do not
  // declare this hook.
  const { textMetrics } = vega as unknown as { readonly textMetrics: Metrics };
  textMetrics.width = (item, text) => textWidth(String(text ?? ""), item.fontSize ?? 11);
  return { vega, compile };
}

/** A rendered figure: SVG and its size in points. */
export type RenderedFigure = { readonly svg: string; readonly width: number; readonly height: number };

/** Renders Vega-Lite specifications to SVG without a browser. The same specification gives the same bytes. */
export async function renderFigures(
  figures: Readonly<Record<string, object>>,
): Promise<Readonly<Record<string, RenderedFigure>>> {
  const rendered: Record<string, RenderedFigure> = {};
  for (const [id, spec] of Object.entries(figures)) rendered[id] = await renderFigure(spec);
  return rendered;
}

async function renderFigure(spec: object): Promise<RenderedFigure> {
  const { vega, compile } = await loadVega();
  const valid = JSON.parse(validJson(spec)) as TopLevelSpec;
  const view = new vega.View(vega.parse(compile(valid).spec), { renderer: "none" });
  const svg = await view.toSVG();
  view.finalize();
  const size = (name: string): number => Number(new RegExp(`\\b${name}="([\\d.]+)"`).exec(svg)?.[1] ?? 1);
  return { svg, width: size("width"), height: size("height") };
}
