// Decides what the help of the commands about reports teaches; a part of the table in table.ts.
import type { CommandEntry } from "./table.ts";

export const reportCommands: readonly CommandEntry[] = [
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
      ["assay report b --as sarif >b.sarif", "also html, junit, ctrf, tap, markdown, github (annotations)"],
      ["assay report diff a b --json", "the comparison, for programs"],
    ],
    options: [
      ["--against <run>", "write the page anew, with a comparison with this earlier run"],
      ["--serve [port]", "serve the page and its evidence on 127.0.0.1 until Ctrl-C"],
      ["--open", "open the page by xdg-open"],
      ["--as <format>", "print it as html, junit, ctrf, tap, sarif, markdown or github"],
      ["--json", "print the report, or the comparison, as JSON"],
    ],
    exits: [0, 1, 2, 130, 143],
    act: async (words, options) => (await import("./report.ts")).reportCommand(words, options),
  },
];
