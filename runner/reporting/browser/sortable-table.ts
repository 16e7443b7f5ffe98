import { element } from "./dom.ts";

/** Turns the headings of a table into sort buttons. Cells sort by `data-value` or text: as numbers if both are numbers. */
export function enableSorting(table: HTMLTableElement): void {
  for (const cell of table.tHead?.rows[0]?.querySelectorAll("th") ?? []) enableSortButton(table, cell);
}

/** Turns one heading into a sort button. The table gets the event `sorted` with "<heading>,<order>". */
export function enableSortButton(table: HTMLTableElement, cell: HTMLTableCellElement): void {
  const name = cell.textContent ?? "";
  const button = element("button", { type: "button", class: "sort" }, name);
  cell.replaceChildren(button);
  button.addEventListener("click", () => {
    const order = cell.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
    sortBy(table, name, order);
    table.dispatchEvent(new CustomEvent("sorted", { detail: `${name},${order}` }));
  });
}

/** Sorts the rows of a table by the column with a heading; nothing if there is none. */
export function sortBy(table: HTMLTableElement, name: string, order: "ascending" | "descending"): void {
  const [body, head] = [table.tBodies[0], table.tHead?.rows[0]];
  const cell = [...(head?.cells ?? [])].find((one) => one.textContent === name);
  if (body === undefined || head === undefined || cell === undefined) return;
  for (const other of head.cells) other.removeAttribute("aria-sort");
  cell.setAttribute("aria-sort", order);
  const rows = [...body.rows].filter((row) => !row.classList.contains("group"));
  body.append(...sorted(rows, cell.cellIndex, order === "ascending" ? 1 : -1));
}

/** Rows without a value come last in both orders. */
function sorted(rows: readonly HTMLTableRowElement[], column: number, sign: 1 | -1): readonly HTMLTableRowElement[] {
  const collator = new Intl.Collator("en", { numeric: true });
  const keyed = rows.map((row) => {
    const cell = row.cells[column];
    return { row, key: cell?.dataset.value ?? cell?.textContent ?? "" };
  });
  keyed.sort(({ key: a }, { key: b }) => {
    if (a === "" || b === "") return Number(a === "") - Number(b === "");
    const [first, second] = [Number(a), Number(b)];
    return sign * (Number.isNaN(first) || Number.isNaN(second) ? collator.compare(a, b) : first - second);
  });
  return keyed.map(({ row }) => row);
}
