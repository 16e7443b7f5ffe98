import { type CompactCase, type CompactCases, expandCase } from "../report/compact-cases.ts";
import { casesFragment, casesState } from "./case-address.ts";
import { caseCard } from "./case-card.ts";
import { type CaseFilter, matches, searchable } from "./case-filter.ts";
import { elementById, fill } from "./dom.ts";

/** Cases per page. */
const pageSize = 10;

/** Starts the case explorer: filters, pages and keyboard navigation. */
export function startCaseExplorer(): void {
  const all = JSON.parse(elementById("cases-data").textContent ?? "") as CompactCases;
  const form = elementById<HTMLFormElement>("filters");
  const [feed, shown, definition, pager] = [
    elementById("feed"),
    elementById("shown"),
    elementById("definition"),
    elementById("pager"),
  ];
  // Computed on the first text search or after the page has opened, whichever is earlier.
  let searchTexts: readonly string[] | undefined;
  const texts = (): readonly string[] => (searchTexts ??= all.cases.map((one) => searchable(one, all.labels)));
  let found: readonly CompactCase[] = all.cases;
  let page = 0;

  const control = <T extends HTMLElement | null>(name: string): T => form.elements.namedItem(name) as T;
  const text = control<HTMLInputElement>("text");
  const [arm, other, answer] = ["arm", "other", "answer"].map((name) => control<HTMLSelectElement>(name)) as [
    HTMLSelectElement,
    HTMLSelectElement,
    HTMLSelectElement,
  ];
  // Absent for a task without labels.
  const label = control<HTMLSelectElement | null>("label");
  const armOptions = all.arms.map((name, index) => [String(index), name] as const);
  fill(arm, [["", "any"], ...armOptions]);
  fill(other, [["", "all"], ...armOptions]);
  fill(answer, [
    ["", "any"],
    ["right", "right"],
    ["wrong", "wrong"],
    ["differ", "right in some arms only"],
    ...all.categories.map(({ name }, index) => [String(index), name.replaceAll("_", " ")] as const),
  ]);
  if (label !== null) fill(label, [["", "any"], ...labelsOf(all)]);

  const view = control<HTMLSelectElement>("view");
  // The address holds names, because indices change with the runs of a page.
  const [armNames, labelNames, answerNames] = [all.arms, all.labels, all.categories.map(({ name }) => name)] as const;

  const pages = (): number => Math.max(1, Math.ceil(found.length / pageSize));

  /** Renders the current page of cases; `focus` moves the focus to its first or last case. */
  const render = (focus?: "first" | "last"): void => {
    const from = page * pageSize;
    const cards = found.slice(from, from + pageSize).map((one, index) => {
      const card = caseCard(expandCase(one, all.labels), all, text.value.trim(), {
        areColumns: view.value === "columns",
        arms: arm.value === "" || other.value === "" ? undefined : [Number(arm.value), Number(other.value)],
      });
      card.setAttribute("aria-posinset", String(from + index + 1));
      card.setAttribute("aria-setsize", String(found.length));
      return card;
    });
    feed.replaceChildren(...cards);
    const of = found.length === all.cases.length ? "" : ` of ${number(all.cases.length)}`;
    const place = pages() > 1 ? `, page ${number(page + 1)} of ${number(pages())}` : "";
    shown.textContent = `${number(found.length)}${of} ${all.cases.length === 1 ? "case" : "cases"}${place}`;
    const [previous, next] = pager.querySelectorAll("button");
    if (previous) previous.disabled = page === 0;
    if (next) next.disabled = page >= pages() - 1;
    pager.hidden = found.length === 0;
    if (focus !== undefined) cards.at(focus === "first" ? 0 : -1)?.focus();
  };

  const filter = (): void => {
    const selected: CaseFilter = {
      text: text.value.trim().toLowerCase(),
      arm: arm.value === "" ? undefined : Number(arm.value),
      other: other.value === "" ? undefined : Number(other.value),
      answer: answer.value,
      label: label === null || label.value === "" ? undefined : Number(label.value),
    };
    const searched = selected.text === "" ? [] : texts();
    found = all.cases.filter((one, index) => matches(one, searched[index] ?? "", selected));
    page = 0;
    const category = /^\d+$/.test(answer.value) ? all.categories[Number(answer.value)] : undefined;
    definition.hidden = category === undefined;
    definition.textContent =
      category === undefined ? "" : `${category.name.replaceAll("_", " ")}: ${category.definition}.`;
    render();
  };

  /** Writes the filters into the address. */
  const keep = (): void => {
    const nameAt = (names: readonly string[], index: string): string =>
      /^\d+$/.test(index) ? (names[Number(index)] ?? "") : index;
    const state = {
      text: text.value.trim(),
      arm: nameAt(armNames, arm.value),
      other: nameAt(armNames, other.value),
      answer: nameAt(answerNames, answer.value),
      label: nameAt(labelNames, label?.value ?? ""),
      view: view.value,
    };
    const isEmpty = Object.values(state).every((value) => value === "");
    history.replaceState(history.state, "", isEmpty ? "#cases" : casesFragment(state));
  };

  /** Shows what the address names: filters, or one case among all. */
  const follow = (): void => {
    const state = casesState(location.hash);
    if (state === undefined) return;
    const indexOf = (names: readonly string[], name: string): string =>
      names.includes(name) ? String(names.indexOf(name)) : "";
    text.value = state.text;
    arm.value = indexOf(armNames, state.arm);
    other.value = indexOf(armNames, state.other);
    answer.value = indexOf(answerNames, state.answer) || state.answer;
    if (label !== null) label.value = indexOf(labelNames, state.label);
    view.value = state.view === "columns" ? "columns" : "";
    filter();
    const at = state.id === "" ? -1 : found.findIndex(([id]) => id === state.id);
    if (at < 0) {
      if (state.id !== "") shown.textContent = `There is no case ${state.id}.`;
      elementById("cases").scrollIntoView();
      return;
    }
    page = Math.floor(at / pageSize);
    render();
    const card = feed.children[at % pageSize] as HTMLElement;
    card.focus();
    card.scrollIntoView();
  };

  const turn = (by: 1 | -1, focus?: "first" | "last"): void => {
    const to = page + by;
    if (to < 0 || to >= pages()) return;
    page = to;
    render(focus);
  };

  form.addEventListener("input", () => {
    filter();
    keep();
  });
  addEventListener("hashchange", follow);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () =>
    setTimeout(() => {
      filter();
      keep();
    }),
  );
  text.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown") return;
    event.preventDefault();
    (feed.firstElementChild as HTMLElement | null)?.focus();
  });
  pager.addEventListener("click", ({ target }) => {
    const { name } = target as HTMLButtonElement;
    if (name === "previous" || name === "next") {
      turn(name === "next" ? 1 : -1, "first");
      feed.scrollIntoView();
    }
  });
  feed.addEventListener("keydown", (event) => {
    if (!["ArrowDown", "ArrowUp"].includes(event.key)) return;
    // Arrow keys inside a scrollable or expandable element belong to that element.
    const card = event.target as HTMLElement;
    if (card.parentElement !== feed) return;
    event.preventDefault();
    const down = event.key === "ArrowDown";
    const next = (down ? card.nextElementSibling : card.previousElementSibling) as HTMLElement | null;
    if (next !== null) next.focus();
    else if (down) turn(1, "first");
    else if (page > 0) turn(-1, "last");
    else text.focus();
  });
  form.hidden = false;
  render();
  follow();
  setTimeout(texts, 100);
}

/** Options of the label filter: labels by number of cases, most frequent first. */
function labelsOf({ labels, cases }: CompactCases): readonly (readonly [string, string])[] {
  const counts = labels.map(() => 0);
  const last = labels.map(() => -1);
  cases.forEach(([, , gold, answers], at) => {
    const count = (label: number): void => {
      if (last[label] === at) return;
      last[label] = at;
      counts[label] = (counts[label] ?? 0) + 1;
    };
    gold.forEach(count);
    for (const answer of answers) answer?.[1].forEach(count);
  });
  return labels
    .map((name, label) => ({ name, label, count: counts[label] ?? 0 }))
    .filter(({ count }) => count > 0)
    .sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1))
    .map(({ name, label, count }) => [String(label), `${name} (${number(count)})`]);
}

const number = (value: number): string => value.toLocaleString("en");
