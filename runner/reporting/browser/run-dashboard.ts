import { decimal, significant } from "../../util/format.ts";
import type { ListedRun, RunList } from "../report/run-list.ts";
import { showChart } from "./chart-view.ts";
import { element, elementById, fill } from "./dom.ts";
import { betterOf, chartNames, metricOf, runsChart } from "./run-charts.ts";
import { type Condition, matchesRun, operators, queryOf, type RunsState, runValue, stateOf } from "./run-filter.ts";
import { enableSortButton, sortBy } from "./sortable-table.ts";

/** The columns of selection, experiment and run come before additional columns. */
const afterName = 3;

/** Starts the page of runs: search, conditions, columns, groups and charts. The address holds the state. */
export function startRunDashboard(): void {
  const list = JSON.parse(elementById("runs-data").textContent ?? "") as RunList;
  const runs = new Map(list.runs.map((run) => [run.label, run]));
  const form = elementById<HTMLFormElement>("run-filters");
  const table = document.querySelector<HTMLTableElement>("form.run-selection table") as HTMLTableElement;
  const body = table.tBodies[0] as HTMLTableSectionElement;
  const head = table.tHead?.rows[0] as HTMLTableRowElement;
  const base = [...head.cells].map((cell) => cell.textContent ?? "");
  const keys = [...new Set(list.runs.flatMap(({ settings }) => Object.keys(settings)))].sort();
  const metrics = Object.keys(list.metricNames);
  const metricKeys = metrics.map((metric) => `metric:${metric}`);
  const textOf = (key: string): string =>
    key.startsWith("metric:") ? (list.metricNames[key.slice("metric:".length)] ?? key) : key;
  let state = stateOf(new URLSearchParams(location.search));

  const control = <T extends HTMLElement>(name: string): T => form.elements.namedItem(name) as T;
  const select = (name: string, options: readonly (readonly [string, string])[]): HTMLSelectElement => {
    const made = control<HTMLSelectElement>(name);
    fill(made, options);
    return made;
  };
  const text = control<HTMLInputElement>("text");
  const same = (key: string): readonly [string, string] => [key, textOf(key)];
  const group = select("group", [["", "none"], ["sweep", "experiment"], ...keys.map(same)]);
  const key = select("key", [...keys, "seconds", ...metricKeys].map(same));
  const operator = select("operator", Object.entries(operators));
  const value = control<HTMLInputElement>("value");
  const [chart, metric, arm, x] = [
    select("chart", Object.entries(chartNames)),
    select("metric", [["", "primary metric"], ...metrics.map((one) => [one, list.metricNames[one] ?? one] as const)]),
    select("arm", [["", "main arm"], ...Object.entries(list.armNames)]),
    select("x", [["", "choose a setting"], ...keys.map(same)]),
  ];
  const columnBoxes = columnChoice(base, [...keys, ...metricKeys].map(same));

  const rowsOf = (): readonly HTMLTableRowElement[] => [...body.rows].filter((row) => row.dataset.run !== undefined);
  const runOf = (row: HTMLTableRowElement): ListedRun => runs.get(row.dataset.run ?? "") as ListedRun;

  /** Removes and adds the cells of additional columns. */
  const showColumns = (): void => {
    for (const row of [head, ...rowsOf()]) {
      for (const cell of [...row.querySelectorAll(".extra")]) cell.remove();
      base.forEach((name, at) => {
        const cell = row.cells[at];
        if (cell !== undefined) cell.hidden = state.hidden.includes(name);
      });
    }
    // After the name of the run, where they are visible without scrolling.
    for (const one of state.columns.toReversed()) {
      const cell = element("th", { scope: "col", class: "extra right" }, textOf(one));
      head.cells[afterName]?.before(cell);
      enableSortButton(table, cell);
      for (const row of rowsOf()) {
        const found = runValue(runOf(row), one);
        const shown = typeof found === "number" ? significant(found, 4) : String(found ?? "");
        row.cells[afterName]?.before(element("td", { class: "extra right", "data-value": String(found ?? "") }, shown));
      }
    }
  };

  /** Puts the rows of a group together under a heading. */
  const showGroups = (): void => {
    for (const row of [...body.querySelectorAll("tr.group")]) row.remove();
    if (state.group === "") return;
    const byGroup = new Map<string, HTMLTableRowElement[]>();
    for (const row of rowsOf()) {
      const run = runOf(row);
      const name =
        state.group === "sweep" ? run.experiment : `${state.group} = ${runValue(run, state.group) ?? "not set"}`;
      byGroup.set(name, [...(byGroup.get(name) ?? []), row]);
    }
    for (const [name, rows] of byGroup) {
      const visible = rows.filter((row) => !row.hidden);
      const best = visible.flatMap((row) => {
        const run = runOf(row);
        const score = run.arms[run.subject]?.[metricOf(list.runs, state)]?.[0];
        return score === undefined ? [] : [score];
      });
      const metric = metricOf(list.runs, state);
      const isBetter = betterOf(list.higherIsBetter, metric);
      const top = best.reduce((one, other) => (isBetter?.(other, one) ? other : one), best[0] ?? 0);
      const bestText =
        best.length === 0 || isBetter === undefined ? "" : `, best ${textOf(`metric:${metric}`)} ${decimal(top, 3)}`;
      const heading = element("th", { colspan: String(head.cells.length), scope: "rowgroup" }, name);
      heading.append(
        element("span", { class: "hint" }, ` ${visible.length} ${visible.length === 1 ? "run" : "runs"}${bestText}`),
      );
      const row = element("tr", { class: "group" }, heading);
      row.hidden = visible.length === 0;
      body.append(row, ...rows);
    }
  };

  const showConditions = (): void => {
    elementById("conditions").replaceChildren(
      ...state.conditions.map((condition) => {
        const name = `${textOf(condition.key)} ${operators[condition.operator]} ${condition.value}`;
        const remove = element("button", { type: "button", class: "chip" }, `${name} ✕`);
        remove.setAttribute("aria-label", `Remove the condition ${name}`);
        remove.addEventListener("click", () =>
          change({ conditions: state.conditions.filter((one) => one !== condition) }),
        );
        return element("li", {}, remove);
      }),
    );
  };

  const showCharts = (): void => {
    const passed = list.runs.filter((run) => matchesRun(run, state));
    const drawn = runsChart(passed, list, state);
    const [container, message] = [elementById("runs-chart"), elementById("chart-message")];
    (x.parentElement as HTMLElement).hidden = state.chart !== "scatter";
    const isText = typeof drawn === "string";
    container.hidden = isText;
    message.hidden = !isText;
    if (isText) message.textContent = drawn;
    else {
      showChart(container, drawn);
      container.nextElementSibling?.replaceChildren(drawn.label);
    }
  };

  /** Shows the state; the address follows. */
  const show = (): void => {
    text.value = state.text;
    group.value = state.group;
    [chart.value, metric.value, arm.value, x.value] = [state.chart || "intervals", state.metric, state.arm, state.x];
    let count = 0;
    for (const row of rowsOf()) {
      row.hidden = !matchesRun(runOf(row), state);
      if (!row.hidden) count++;
    }
    for (const box of columnBoxes.querySelectorAll("input"))
      box.checked = box.name === "hide" ? !state.hidden.includes(box.value) : state.columns.includes(box.value);
    showConditions();
    showColumns();
    if (state.sort !== "") {
      const [name = "", order] = state.sort.split(",");
      sortBy(table, name, order === "descending" ? "descending" : "ascending");
    }
    showGroups();
    elementById("runs-shown").textContent =
      count === list.runs.length ? `${count} ${count === 1 ? "run" : "runs"}` : `${count} of ${list.runs.length} runs`;
    showCharts();
  };
  const change = (changes: Partial<RunsState>): void => {
    state = { ...state, ...changes };
    const query = queryOf(state).toString();
    history.replaceState(null, "", query === "" ? location.pathname : `?${query}`);
    show();
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (value.value === "") return;
    const added: Condition = { key: key.value, operator: operator.value as Condition["operator"], value: value.value };
    value.value = "";
    change({ conditions: [...state.conditions, added] });
  });
  text.addEventListener("input", () => change({ text: text.value }));
  group.addEventListener("change", () => change({ group: group.value }));
  chart.addEventListener("change", () => change({ chart: chart.value }));
  metric.addEventListener("change", () => change({ metric: metric.value }));
  arm.addEventListener("change", () => change({ arm: arm.value }));
  x.addEventListener("change", () => change({ x: x.value }));
  columnBoxes.addEventListener("change", () => {
    const chosen = (name: string, checked: boolean): readonly string[] =>
      [...columnBoxes.querySelectorAll<HTMLInputElement>(`input[name=${name}]`)]
        .filter((box) => box.checked === checked)
        .map((box) => box.value);
    change({ hidden: chosen("hide", false), columns: chosen("column", true) });
  });
  elementById("clear-filters").addEventListener("click", () =>
    change({ text: "", conditions: [], group: "", columns: [], hidden: [], sort: "" }),
  );
  table.addEventListener("sorted", (event) => change({ sort: (event as CustomEvent<string>).detail }));
  addEventListener("popstate", () => {
    state = stateOf(new URLSearchParams(location.search));
    show();
  });
  form.hidden = false;
  elementById("charts").hidden = false;
  show();
}

/** Checkboxes for the columns: those of the page, and settings and metrics. */
function columnChoice(base: readonly string[], keys: readonly (readonly [string, string])[]): HTMLElement {
  const box = (name: string, value: string, label: string): HTMLElement => {
    const input = element("input", { type: "checkbox", name, value });
    return element("label", {}, input, label);
  };
  // The columns of selection, experiment and run always stay.
  const boxes = [
    ...base.slice(afterName).map((name) => box("hide", name, name)),
    ...keys.map(([key, name]) => box("column", key, name)),
  ];
  const container = elementById("columns");
  container.replaceChildren(...boxes);
  return container;
}
