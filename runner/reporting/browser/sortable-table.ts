import { element } from "./dom.ts";

/** Turns the headings of a table into sort buttons. Cells sort by `data-value` or text: as numbers if both are numbers. */
export function enableSorting(table: HTMLTableElement): void {
  const body = table.tBodies[0];
  const head = table.tHead?.rows[0];
  if (body === undefined || head === undefined) return;
  for (const cell of head.querySelectorAll("th")) {
    const button = element("button", { type: "button", class: "sort" }, cell.textContent ?? "");
    cell.replaceChildren(button);
    button.addEventListener("click", () => {
      const order = cell.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
      for (const other of head.cells) other.removeAttribute("aria-sort");
      cell.setAttribute("aria-sort", order);
      body.append(...sorted([...body.rows], cell.cellIndex, order === "ascending" ? 1 : -1));
    });
  }
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
