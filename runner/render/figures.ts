import { parse, View } from "vega";
import { compile, type TopLevelSpec } from "vega-lite";

/** A drawn figure: SVG, and its width in points. */
export type Drawn = { readonly svg: string; readonly width: number };

/** Draws Vega-Lite specifications without a browser. The same specification gives the same bytes. */
export async function drawAll(figures: Readonly<Record<string, object>>): Promise<Readonly<Record<string, Drawn>>> {
  const drawn: Record<string, Drawn> = {};
  for (const [id, spec] of Object.entries(figures)) drawn[id] = await draw(spec);
  return drawn;
}

async function draw(spec: object): Promise<Drawn> {
  const view = new View(parse(compile(spec as TopLevelSpec).spec), { renderer: "none" });
  const svg = await view.toSVG();
  view.finalize();
  return { svg, width: Number(/\bwidth="([\d.]+)"/.exec(svg)?.[1] ?? 0) };
}
