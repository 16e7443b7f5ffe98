import type { Study } from "../report/study.ts";

/** Builds the Vega-Lite specification of a figure; undefined if the runs have no data for it. */
export type Figure = (study: Study) => object | undefined;

/** The Vega-Lite schema of all figures. */
export const schema = "https://vega.github.io/schema/vega-lite/v6.json";
/** Width in pixels of a figure that spans the page. */
export const width = 440;
/** The palette of Okabe and Ito, which is distinguishable with colour vision deficiency. */
const colours = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"];
/** Font, colours and axes of all figures. */
export const config = {
  font: "Libertinus Serif",
  background: "white",
  range: { category: colours },
  axis: { labelLimit: 260 },
  mark: { color: colours[0] },
  view: { stroke: "#ccc" },
};

/** The scale of a colour for a number of names: more than the palette has need another one, in which no two are equal. */
export const colourScale = (names: number): object => (names > colours.length ? { scheme: "tableau20" } : {});
