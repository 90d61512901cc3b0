// Decides which commands bring a failure back. Pure; every word that is not ours is quoted for a shell.
import { quoteWord } from "../model/check.ts";
import { plain } from "./escape.ts";
import type { Report, TestReport } from "./report.ts";

export interface ToReproduce {
  readonly command: string;
  readonly why: string;
}

/** In the order in which one would try them. */
export function toReproduce(report: Report, test: TestReport, node?: string): ToReproduce[] {
  const run = ["assay", "run", ...substitutesIn(report.command), test.file].map(word).join(" ");
  const name = node?.split("/").at(-1);
  const kept = report.teardown.kept?.stands.find(
    (stand) => stand.environment === test.environment && stand.nodes.some((each) => each.node === name),
  );
  const several = (report.teardown.kept?.stands.length ?? 0) > 1;
  const stands =
    kept === undefined || name === undefined
      ? []
      : [
          {
            command: `assay shell ${word([report.run, ...(several ? [kept.scope] : []), name].join("/"))}`,
            why: "it still stands",
          },
        ];
  return [
    ...stands,
    { command: run, why: "this spec file again" },
    { command: `${run} --keep`, why: "and what failed stays; its last lines say the assay shell command of each node" },
  ];
}

/** What stood in for others is part of what failed. */
function substitutesIn(command: readonly string[]): readonly string[] {
  const at = command.indexOf("--with");
  return at === -1 || command[at + 1] === undefined ? [] : ["--with", command[at + 1] ?? ""];
}

function word(text: string): string {
  const harmless = plain(text, 1000).replaceAll("\n", " ");
  return /^[\w@%+=:,./-]+$/.test(harmless) ? harmless : quoteWord(harmless);
}
