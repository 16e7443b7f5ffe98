import { least, median } from "./measure.mjs";

const seconds = (values) => `${least(values).toFixed(2)} / ${median(values).toFixed(2)}`;

/**
 * Formats a group of rows as a Markdown table. The first row is exp; `times` is a row's least CPU time over exp's. A group
 * may have a further column: {name, scale} times the CPU seconds, or {name, rate} over them.
 */
export function toMarkdown({ title, rows, each, note }) {
  const lines = [`### ${title}`, ""];
  if (rows.length > 0) {
    const own = (row) => {
      const cpu = least(row.cpu);
      return each.rate === undefined ? (cpu * each.scale).toFixed(2) : (each.rate / cpu).toFixed(2);
    };
    const header = ["", "CPU s (min / median)", "wall s (min / median)", "peak MB", "CPU, times exp's"];
    const cells = rows.map((row) => [
      row.who,
      seconds(row.cpu),
      seconds(row.wall),
      Math.max(...row.rss).toFixed(0),
      row === rows[0] ? "1" : ratio(least(row.cpu) / least(rows[0].cpu)),
      ...(each === undefined ? [] : [own(row)]),
      target(row.target, each),
    ]);
    const all = [[...header, ...(each === undefined ? [] : [each.name]), "target"], ...cells];
    const widths = all[0].map((_, column) => Math.max(...all.map((line) => line[column].length), 3));
    const line = (texts) => `| ${texts.map((text, at) => text.padEnd(widths[at])).join(" | ")} |`;
    const [head, ...body] = all.map(line);
    lines.push(
      head,
      line(widths.map((width, at) => (at === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`))),
      ...body,
      "",
    );
  }
  if (note !== undefined) lines.push(note, "");
  return lines.join("\n");
}

function ratio(value) {
  return value >= 10 ? value.toFixed(0) : value.toFixed(value >= 1 ? 1 : 2);
}

function target(given, each) {
  if (given === undefined) return "";
  const { cpu, rss, each: one, rate } = given;
  return [
    ...(cpu === undefined ? [] : [`${cpu} CPU s`]),
    ...(rss === undefined ? [] : [`${rss} MB`]),
    ...(one === undefined ? [] : [`${one} ${each.name.split(" ")[1]}`]),
    ...(rate === undefined ? [] : [`${rate} GB/s`]),
  ].join(", ");
}
