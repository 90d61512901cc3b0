// Decides what the help of the commands about reports teaches; a part of the table in table.ts.
import type { CommandEntry } from "./table.ts";

export const reportCommands: readonly CommandEntry[] = [
  {
    usage: "merge <report...>",
    does: "make one report of several: of the shards of a run, or of runs of different specs",
    teaches:
      "Each is a report.json or the directory it is in; evidence that lies beside one is taken along. A shard that is missing means that\n" +
      "it could not be asked. The exit code is that of the whole.",
    examples: [
      ["assay merge shard-*/report.json", "report, JUnit, summary and page of all, in reports/runs/"],
      ["assay merge a b --out merged", "the runs in the directories a and b, into merged/"],
    ],
    options: [
      ["--out <directory>", "where it is written; a new directory in reports/runs unless told otherwise"],
      ["--json", "print the merged report as JSON"],
    ],
    exits: [0, 1, 2, 3, 4, 130, 143],
    act: async (words, options) => (await import("./merge.ts")).mergeCommand(words, options),
  },
  {
    usage: "report [words...]",
    does: "show a run's report, serve its page, print it in another format; report diff compares two",
    teaches:
      "A run is named by its name, the beginning of it, its directory or report.json; the newest is meant without one. A report of another\n" +
      "machine is shown as one's own is. It is only shown: the exit code is 0 whatever the verdict was. `report diff <a> <b>` tells what the\n" +
      "later run b has that a had not, and ends with 1 where a test that passed in a does not pass in b, or is not there.",
    examples: [
      ["assay report", "the newest: its verdict, and where its page is"],
      ["assay report k3f9x2 --serve", "on loopback, for a browser that opens no files"],
      ["assay report b --against a", "the page of b with what differs from a"],
      ["assay report b --diff diff.json", "and what differs between its image and an older one: assay diff … --json"],
      ["assay report b --as sarif >b.sarif", "also html, junit, ctrf, tap, markdown, github (annotations)"],
      ["assay report diff a b --json", "the comparison, for programs"],
    ],
    options: [
      ["--against <run>", "write the page anew, with a comparison with this earlier run"],
      ["--diff <file...>", "write the page anew, with what assay diff --json printed"],
      ["--serve [port]", "serve the page and its evidence on 127.0.0.1 until Ctrl-C"],
      ["--open", "open the page by xdg-open"],
      ["--as <format>", "print it as html, junit, ctrf, tap, sarif, markdown or github"],
      ["--json", "print the report, or the comparison, as JSON"],
    ],
    exits: [0, 1, 2, 130, 143],
    act: async (words, options) => (await import("./report.ts")).reportCommand(words, options),
  },
];
