import * as vega from "vega";
import { compile, type TopLevelSpec } from "vega-lite";
import { textWidth } from "./text-width.ts";

type Metrics = { width(item: { readonly fontSize?: number }, text: unknown): number };

// Vega's own guess of a text's width is nearly twice too large: gaps under slanted labels, and labels cut for no reason. Its
// types leave the place out where it may be given another.
const { textMetrics } = vega as unknown as { readonly textMetrics: Metrics };
textMetrics.width = (item, text) => textWidth(String(text ?? ""), item.fontSize ?? 11);

/** A drawn figure: SVG, and its size in points. */
export type Drawn = { readonly svg: string; readonly width: number; readonly height: number };

/** Draws Vega-Lite specifications without a browser. The same specification gives the same bytes. */
export async function drawAll(figures: Readonly<Record<string, object>>): Promise<Readonly<Record<string, Drawn>>> {
  const drawn: Record<string, Drawn> = {};
  for (const [id, spec] of Object.entries(figures)) drawn[id] = await draw(spec);
  return drawn;
}

async function draw(spec: object): Promise<Drawn> {
  const view = new vega.View(vega.parse(compile(spec as TopLevelSpec).spec), { renderer: "none" });
  const svg = await view.toSVG();
  view.finalize();
  const size = (name: string): number => Number(new RegExp(`\\b${name}="([\\d.]+)"`).exec(svg)?.[1] ?? 1);
  return { svg, width: size("width"), height: size("height") };
}
