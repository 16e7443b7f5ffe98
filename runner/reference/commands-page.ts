import {
  type Argument,
  argumentUsage,
  type Command,
  type CommandTable,
  type Option,
  optionUsage,
} from "../commands/command.ts";
import { code, markdownTable, pageHead } from "./markdown.ts";

/** Markdown of docs/reference/commands.md: every command that help shows, with its arguments and options. */
export async function commandsPage(commands: CommandTable): Promise<string> {
  const shown = await Promise.all(
    Object.entries(commands)
      .filter(([, { isHidden }]) => isHidden !== true)
      .map(async ([name, { group, summary, load }]) => ({ name, group, summary, command: (await load()).command })),
  );
  const groups = [...new Set(shown.map(({ group }) => group))];
  const overview = groups.flatMap((group) => [
    `### ${group}`,
    markdownTable(
      ["command", "purpose"],
      shown.filter((one) => one.group === group).map(({ name, summary }) => [`[${code(name)}](#exp-${name})`, summary]),
    ),
  ]);
  return `${[
    pageHead("Commands", "the declarations in runner/commands/"),
    "`exp COMMAND --help` prints the same text in a terminal. `exp --version` prints the version.",
    "## Overview",
    ...overview,
    "## Exit codes",
    markdownTable(
      ["code", "meaning"],
      [
        ["0", "The command succeeded."],
        ["1", "A step or an operation failed."],
        ["2", "The command line or an input file is invalid. Nothing was run."],
        ["3", "A check found a problem."],
        ["130", "The command was interrupted. Run it again to continue."],
      ],
    ),
    "With `--json` an error is one JSON object on stdout: see [Errors](errors.md).",
    ...shown.flatMap(({ name, summary, command }) => commandSection(name, summary, command)),
  ].join("\n\n")}\n`;
}

function commandSection(name: string, summary: string, command: Command): readonly string[] {
  const args = Object.values(command.arguments);
  const options = Object.entries(command.options);
  const usage = ["exp", name, ...(options.length > 0 ? ["[options]"] : []), ...args.map(argumentUsage)].join(" ");
  return [
    `## exp ${name}`,
    summary,
    `\`\`\`\n${usage}\n\`\`\``,
    ...(args.length === 0 ? [] : [markdownTable(["argument", "description"], args.map(argumentRow))]),
    ...(options.length === 0
      ? []
      : [
          markdownTable(
            ["option", "default", "description"],
            options.map(([key, option]) => optionRow(key, option)),
          ),
        ]),
  ];
}

function argumentRow(argument: Argument<unknown>): readonly string[] {
  return [code(argumentUsage(argument)), argument.summary + choicesText(argument.choices)];
}

function optionRow(key: string, option: Option<unknown>): readonly string[] {
  const repeat = option.isRepeatable === true ? " May be given several times." : "";
  return [
    code(optionUsage(key, option)),
    option.default ?? "",
    `${option.summary}${repeat}${choicesText(option.choices)}`,
  ];
}

function choicesText(choices: (() => readonly string[]) | undefined): string {
  return choices === undefined ? "" : ` One of: ${choices().map(code).join(", ")}.`;
}
