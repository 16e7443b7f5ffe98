/** Markers of a measured section. The text outside of them is written by hand. */
const marker = (name) => [`<!-- measured: ${name} -->`, `<!-- end: ${name} -->`];

/** Replaces a section of the page, or appends it. The rest of the page is unchanged. */
export function withSection(page, name, text) {
  const [start, end] = marker(name);
  const section = `${start}\n${text.trim()}\n${end}`;
  const [from, to] = [page.indexOf(start), page.indexOf(end)];
  if (from < 0 && to < 0) return `${page.trimEnd()}\n\n${section}\n`;
  if (from < 0 || to < from) throw new Error(`the markers of ${name} do not enclose a section`);
  return page.slice(0, from) + section + page.slice(to + end.length);
}
