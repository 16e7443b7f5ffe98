import type { Act } from "../util/context.ts";

type Option = readonly [
  flags: string,
  description: string,
  parse?: (value: string, before: readonly string[]) => readonly string[],
  initial?: readonly string[],
];

/** How the command line shows a command; its code is loaded only when it is called. */
export type CommandSpec = {
  readonly usage: string;
  readonly summary: string;
  readonly options: readonly Option[];
  /** Called by programs alone: neither help nor completion shows it. */
  readonly hidden?: boolean;
  load(): Promise<{ readonly command: Act }>;
};

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

const set: Option = ["--set <key=value>", "override a key, as in --set train.rank=32 (repeatable)", collect, []];
const sweep: Option = [
  "--sweep <key=values>",
  "vary a key, as in --sweep train.rank=8,16,32: every combination is a run (repeatable)",
  collect,
  [],
];
const acceptStale: Option = [
  "--accept-stale <step>",
  "reuse this step's stored result although recipe code has changed since; the run says so (repeatable)",
  collect,
  [],
];
const smoke: Option = ["--smoke", "20 rows and 5 steps under other keys: the whole study in minutes, for a first look"];
const json: Option = ["--json", "print JSON on stdout and nothing else there"];

/** Every command of `exp`, in the order in which a study uses them. */
export const commands: readonly CommandSpec[] = [
  {
    usage: "init <dir>",
    summary: "begin a study: experiments that run at once, prompts, labels, a README",
    options: [],
    load: () => import("./init.ts"),
  },
  {
    usage: "setup [backend...]",
    summary: "build the Python environments from their lock files, and the bundled model",
    options: [
      ["--torch <variant>", "cpu or cuda; default: by what this machine has"],
      ["--dev", "also install what checks the recipes: pytest, ruff, mypy"],
    ],
    load: () => import("./setup.ts"),
  },
  {
    usage: "doctor",
    summary: "say what this machine has, and what it can and cannot run",
    options: [json],
    load: () => import("./doctor.ts"),
  },
  {
    usage: "check <file...>",
    summary: "validate experiments: every error at once, with its place",
    options: [
      set,
      sweep,
      ["--preflight", "also look at what is trained token by token; needs the environment and the model's files"],
      json,
    ],
    load: () => import("./check.ts"),
  },
  {
    usage: "data <file>",
    summary: "audit the data: leaks, duplicates, label variants, rare and unseen labels, lengths; exit 3 on errors",
    options: [
      set,
      ["--suggest-synonyms [file]", "write a synonym file of proposals from training labels, for you to edit"],
      json,
    ],
    load: () => import("./data.ts"),
  },
  {
    usage: "pin <file>",
    summary: "write the commit that the model's branch or tag stands at into the file",
    options: [["--to <ref>", "branch, tag or commit to pin; default: what revision says, else main"], json],
    load: () => import("./pin.ts"),
  },
  {
    usage: "preview <file>",
    summary: "show prompts of training rows: text, tokens, what is masked, and what the base model answers",
    options: [
      ["--rows <n>", "how many training rows; default: 5"],
      ["--no-answer", "leave out the base model's answers, which need its weights"],
      set,
      json,
    ],
    load: () => import("./preview.ts"),
  },
  {
    usage: "plan <file...>",
    summary: "show each step: cached, will run, or depends; and why. Writes nothing",
    options: [set, sweep, smoke, acceptStale, json],
    load: () => import("./plan.ts"),
  },
  {
    usage: "run <file...>",
    summary: "run what is missing, and hand back predictions, metrics and the workbook",
    options: [
      set,
      sweep,
      ["--force <step>", "run this step again although it is cached (repeatable)", collect, []],
      ["--until <step>", "stop after this step"],
      ["--jobs <n>", "steps at once, at most"],
      ["--share-gpus", "steps whose estimated memory fits one GPU together run on it together"],
      smoke,
      acceptStale,
      ["--mirror <dir>", "copy checkpoints and finished steps to a slow disk, and take them back from there"],
      ["--executor <where>", "local or slurm, whatever the experiments say"],
      ["--keep-going", "after a failure, still run what does not need the failed step"],
      json,
      ["--quiet", "print nothing but errors"],
      ["--no-upload", "leave the upload that the experiment asks for to exp upload"],
    ],
    load: () => import("./run.ts"),
  },
  {
    usage: "status [run]",
    summary: "say what each job that was given to Slurm is at",
    options: [json],
    load: () => import("./status.ts"),
  },
  {
    usage: "logs <run>",
    summary: "print what a job has printed",
    options: [["-f, --follow", "go on until the jobs end"]],
    load: () => import("./logs.ts"),
  },
  {
    usage: "cancel <run>",
    summary: "take jobs out of Slurm's hands: what they have finished or saved stays",
    options: [json],
    load: () => import("./cancel.ts"),
  },
  {
    usage: "job <plan> <run>",
    summary: "what a Slurm job runs: one run of a frozen plan, by its number, or the last job",
    options: [],
    hidden: true,
    load: () => import("./job.ts"),
  },
  {
    usage: "why <run> <step>",
    summary: "name the first input by which a step differs from the one that was built before",
    options: [json],
    load: () => import("./why.ts"),
  },
  {
    usage: "ls",
    summary: "list the finished runs of this project, by any key of their configurations and any metric",
    options: [
      [
        "--where <condition>",
        "only runs that meet it: a key or metric, one of = != < <= > >=, a value, as in 'train.rank>=16' (repeatable)",
        collect,
        [],
      ],
      ["--sort <key>", "by a key or metric, as in micro_f1 or zero_shot.canonical.micro_f1; -micro_f1: largest first"],
      ["--csv", "a row a run with every key and every metric"],
      json,
    ],
    load: () => import("./ls.ts"),
  },
  {
    usage: "show <run>",
    summary: "show one run: its metrics by arm, cost and files",
    options: [json],
    load: () => import("./show.ts"),
  },
  {
    usage: "compare <run...>",
    summary: "the arms of one run, or several runs, side by side: intervals, paired tests, cost",
    options: [
      ["--view <view>", "raw, basic or canonical; default: the first run's primary view"],
      ["--metric <name>", "the metric that is tested; default: the first run's primary metric"],
      ["--force", "compare what runs that are not comparable have in common"],
      json,
    ],
    load: () => import("./compare.ts"),
  },
  {
    usage: "diff <a> <b>",
    summary: "what differs between two runs or manifests, and which cases flipped",
    options: [json],
    load: () => import("./diff.ts"),
  },
  {
    usage: "score <file>",
    summary: 'metrics for any {"id", "gold": [...], "pred": [...]} lines, or a .csv, .tsv or .xlsx file',
    options: [
      json,
      ["--id <column>", "key or column that names a case; default: id"],
      ["--gold <column|file>", "key or column of the right labels, or a file of its own that has them; default: gold"],
      ["--gold-column <column>", "column of the right labels in a file of its own; default: gold"],
      ["--gold-id <column>", "column that names a case there; default: that of --id"],
      ["--pred <column>", "key or column of the predicted labels; default: pred"],
      ["--separator <text>", "what stands between labels in one text; default in tables: a comma"],
      ["--synonyms <file>", "synonym map for the canonical view"],
      ["--bootstrap <samples>", "add 95 % intervals of so many samples"],
      ["--seed <number>", "seed of the samples; default: 1"],
    ],
    load: () => import("./score.ts"),
  },
  {
    usage: "report <run...>",
    summary: "write the PDF report of one or more finished runs, and a page with every case",
    options: [
      ["--html", "also write one HTML file that works from a disk: the report, the runs and every case"],
      ["--out <path>", "folder, or a file that ends in .pdf; default: artifacts/reports/"],
    ],
    load: () => import("./report.ts"),
  },
  {
    usage: "view",
    summary: "serve pages over all runs, and over what is running, on this machine alone",
    options: [["--port <n>", "default: one that is free"]],
    load: () => import("./view.ts"),
  },
  {
    usage: "checklist <run...>",
    summary:
      "the MICCAI reproducibility checklist over finished runs: each item with its evidence, or who must fill it",
    options: [
      ["--readme", "also write the study's README.md in the checklist's sections"],
      ["--out <dir>", "folder of the README.md; default: the project's"],
      ["--force", "write over a README.md that exp has not written"],
      json,
    ],
    load: () => import("./checklist.ts"),
  },
  {
    usage: "export <dir> <run...>",
    summary: "write all that is handed in: report, workbook, predictions, checklist, README, notebook, manifests",
    options: [["--force", "write into a folder that is not empty"], json],
    load: () => import("./export.ts"),
  },
  {
    usage: "verify [run]",
    summary: "read every file that a run, or every run, refers to: exit 3 where one is missing or changed",
    options: [
      ["--store", "every stored file, whether or not a run refers to it; records, leftovers and what is missing"],
      ["--repair", "with --store: remove what is wrong, so that the next run makes it again, and say what was removed"],
      json,
    ],
    load: () => import("./verify.ts"),
  },
  {
    usage: "upload <run>",
    summary:
      "publish a run's model on the Hugging Face hub, if nothing speaks against it; safe to repeat; exit 3 if not",
    options: [["--dry-run", "show the card and the files, and send nothing"], json],
    load: () => import("./upload.ts"),
  },
  {
    usage: "push <dest> <run...>",
    summary:
      "copy runs with all their files to a folder, s3://bucket/prefix or hf://datasets/user/name; nobody else's to read",
    options: [json],
    load: () => import("./push.ts"),
  },
  {
    usage: "pull <dest> [run...]",
    summary: "take runs from where they were pushed to, each file checked; without a run: say what there is",
    options: [json],
    load: () => import("./pull.ts"),
  },
  {
    usage: "reproduce <run>",
    summary:
      "run it again in a fresh store and compare: bytes, or metrics where bytes may vary; exit 3 on a difference",
    options: [
      ["--into <dir>", "folder of the fresh store, which is kept; default: one that is removed when all is the same"],
      json,
    ],
    load: () => import("./reproduce.ts"),
  },
  {
    usage: "gc",
    summary: "drop stored files that no run refers to, then the least recently used",
    options: [
      ["--work", "also drop what interrupted or paused steps could go on from"],
      ["--max-size <size>", "keep at most this much, as in 20GB"],
      ["--dry-run", "only say what would go"],
      json,
    ],
    load: () => import("./gc.ts"),
  },
  {
    usage: "schema",
    summary: "print the JSON Schema of experiment files, for editors",
    options: [["--check", "compare with the committed schema; exit 3 when it differs"]],
    load: () => import("./schema.ts"),
  },
  {
    usage: "completion <shell>",
    summary: "print the completion script of bash, zsh or fish",
    options: [],
    load: () => import("./completion.ts"),
  },
];
