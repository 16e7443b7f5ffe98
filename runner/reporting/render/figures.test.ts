import { expect, it } from "vitest";
import { renderFigures } from "./figures.ts";

it("a figure with control characters in a label is XML", async () => {
  const { figure } = await renderFigures({
    figure: {
      $schema: "https://vega.github.io/schema/vega-lite/v6.json",
      data: { values: [{ label: "cy\u0001st", cases: 2 }] },
      mark: "bar",
      encoding: { y: { field: "label", type: "nominal" }, x: { field: "cases", type: "quantitative" } },
    },
  });
  expect(figure?.svg).toContain("cy\u{FFFD}st");
  expect(figure?.svg).not.toContain("\u0001");
});
