import type { Ablation } from "../../runs/ablation.ts";
import { shortKeys, valueText } from "../report/ablation.ts";
import { metricName } from "../report/display-names.ts";
import { config, schema, width } from "./figure.ts";

/** Panels that fit on a page; with more combinations the figure is a list. */
const mostPanels = 6;

/**
 * All settings of a sweep with their intervals. The x axis is the first numeric key, colour is the next key, and the remaining keys
 * are panels.
 */
export function ablation(own: Ablation): object | undefined {
  const { keys, settings, metric } = own;
  const names = shortKeys(keys);
  const isNumeric = (key: string): boolean => settings.every(({ values }) => typeof values[key] === "number");
  const axis = keys.find(isNumeric) ?? keys[0];
  if (axis === undefined) return spread(own);
  const others = keys.filter((key) => key !== axis);
  const [colour, ...panels] = others;
  const panelName = (values: Readonly<Record<string, unknown>>, some: readonly string[]): string =>
    some.map((key) => `${names[keys.indexOf(key)]} ${valueText(values[key])}`).join(", ");
  const points = settings.flatMap(({ values, value, interval }) =>
    value === null
      ? []
      : [
          {
            x: valueText(values[axis]),
            colour: colour === undefined ? "" : valueText(values[colour]),
            panel: panelName(values, panels),
            value,
            low: interval?.low ?? value,
            high: interval?.high ?? value,
          },
        ],
  );
  const x = {
    field: "x",
    type: "ordinal",
    sort: null,
    title: names[keys.indexOf(axis)],
    axis: { labelAngle: 0 },
  };
  const y = { type: "quantitative", title: metricName(metric), scale: { zero: false } };
  const shift = colour === undefined ? {} : { xOffset: { field: "colour", type: "nominal", sort: null } };
  const hue =
    colour === undefined
      ? {}
      : { color: { field: "colour", type: "nominal", sort: null, title: names[keys.indexOf(colour)] } };
  const panelCount = new Set(points.map(({ panel }) => panel)).size;
  if (panelCount > mostPanels) return settingList(own, names);
  const layer = [
    {
      mark: { type: "rule", strokeWidth: 1.5 },
      encoding: { x, y: { ...y, field: "low" }, y2: { field: "high" }, ...shift, ...hue },
    },
    {
      mark: { type: "point", filled: true, size: 50, opacity: 1 },
      encoding: { x, y: { ...y, field: "value" }, ...shift, ...hue },
    },
  ];
  const size = { width: Math.round((width - 30) / Math.min(2, panelCount)), height: 170 };
  const base = { $schema: schema, config, data: { values: points } };
  if (panelCount < 2) return { ...base, ...size, layer };
  return {
    ...base,
    columns: 2,
    // Vega-Lite sorts panels by name unless it gets their order.
    facet: { field: "panel", type: "nominal", title: null, sort: [...new Set(points.map(({ panel }) => panel))] },
    spec: { ...size, layer },
  };
}

/** The score of each seed of the only setting, with their mean. */
function spread({ settings, metric }: Ablation): object | undefined {
  const [only] = settings;
  const values = (only?.scores ?? []).flatMap((value) => (value === null ? [] : [{ value }]));
  if (values.length < 2) return undefined;
  const x = { field: "value", type: "quantitative", title: metricName(metric), scale: { zero: false } };
  return {
    $schema: schema,
    config,
    data: { values },
    width,
    height: 40,
    layer: [
      { mark: { type: "point", size: 50 }, encoding: { x } },
      { mark: { type: "rule", strokeWidth: 1.5 }, encoding: { x: { ...x, aggregate: "mean" } } },
    ],
  };
}

/** One line per setting, the best first. */
function settingList({ keys, settings, metric }: Ablation, names: readonly string[]): object {
  const values = settings
    .flatMap(({ values: of, value, interval }) =>
      value === null
        ? []
        : [
            {
              name: keys.map((key, at) => `${names[at]} ${valueText(of[key])}`).join(", "),
              value,
              low: interval?.low ?? value,
              high: interval?.high ?? value,
            },
          ],
    )
    .sort((a, b) => b.value - a.value)
    .slice(0, mostListed);
  const y = { field: "name", type: "nominal", title: null, sort: null, axis: { labelLimit: 320 } };
  const x = { type: "quantitative", title: metricName(metric), scale: { zero: false } };
  return {
    $schema: schema,
    config,
    data: { values },
    width,
    height: { step: 15 },
    layer: [
      {
        mark: { type: "rule", strokeWidth: 1.5 },
        encoding: { y, x: { ...x, field: "low" }, x2: { field: "high" } },
      },
      { mark: { type: "point", filled: true, size: 50, opacity: 1 }, encoding: { y, x: { ...x, field: "value" } } },
    ],
  };
}

/** Settings that fit on a page. */
const mostListed = 40;
