import type { Study } from "../report/study.ts";

/** A figure of the report: nothing where the runs have no data for it. */
export type Figure = (study: Study) => object | undefined;

/** What every figure is written in. */
export const schema = "https://vega.github.io/schema/vega-lite/v6.json";
/** Pixels of a figure that fills a page's width. */
export const width = 440;
/** Told apart without colour too: the palette of Okabe and Ito. */
const colours = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"];
/** Face, colours and grid of every figure. */
export const config = {
  font: "Libertinus Serif",
  background: "white",
  range: { category: colours },
  axis: { labelLimit: 260 },
  view: { stroke: "#ccc" },
};
