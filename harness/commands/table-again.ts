// Decides what the help of those commands teaches that run specs in a project of their own: to see a failure again, and to find its first
// commit. A part of `table.ts`.
import type { CommandEntry } from "./table.ts";

export const againEntries: readonly CommandEntry[] = [
  {
    usage: "repro <capsule>",
    does: "see a failure again that happened somewhere else, and stop where it failed",
    teaches:
      "A capsule is what assay run --capsule leaves: reports/runs/<run>/capsule.tar.gz. It is judged first, and unpacked beside the state, never\n" +
      "over a checkout; then what differs here is told, images first. The tests that failed run; where one fails it stays standing, with a\n" +
      "shell in the node that was asked; without a terminal it is told how to enter. It runs what is in the capsule: specs and recipes are\n" +
      "programs. Exit code 1: it failed again. 0: it did not.",
    examples: [
      ["assay repro capsule.tar.gz", "see it, and look around; it all goes with the shell"],
      ["assay repro capsule.tar.gz --check && echo mended", "for a script"],
      ["assay repro capsule.tar.gz --loop 50", "how often it fails, with an interval of 95 %"],
      ['assay repro capsule.tar.gz --secret "db password=@pw"', "what was a secret is in no capsule"],
    ],
    options: [
      ["--check", "only tell whether it fails here; nothing is left standing"],
      ["--loop <times>", "run so many times, each in an environment of its own, and count"],
      ["--all", "all tests of the spec files, not only those that failed"],
      ["--secret <name=@file...>", "the value of a secret of the capsule, from a file"],
      ["--keep-for <time>", "how long it stands without a terminal; 1h unless told otherwise"],
      [
        "--json",
        "print { capsule, run, differences, missing, seen, loop, exitCode, enter } as JSON, and open no shell",
      ],
    ],
    exits: [0, 1, 2, 3, 4, 130, 143],
    act: async ([capsule = ""], options) => (await import("./repro.ts")).reproCommand(capsule, options),
  },
  {
    usage: "bisect <good> <bad> <spec>",
    does: "find the commit that made a spec fail, between one where it does not and one where it does",
    teaches:
      "Commits are of the project's git repository; a spec is a part of its file's path. Each step has the files of one commit in a scratch\n" +
      "project, builds what its environment needs and runs the spec; this Assay and its packages are the same in each, and the repository\n" +
      "is not touched: no checkout, no worktree, no refs. A commit that has no such spec is given that of the working tree. One that could\n" +
      "not be asked is passed over. Printed are the commit, what changed in its recipes, as assay why tells it, and its files.",
    examples: [
      ["assay bisect v1.2.0 HEAD docker-soe-bash", "which change broke it"],
      ["assay bisect v1.2.0 HEAD docker-soe-bash --json | jq -r .first.commit", "for a script"],
    ],
    options: [
      ["--test <name...>", "only tests of these full names; behind the spec"],
      ["--json", "print { good, bad, files, first, because, changed, possible, steps } as JSON"],
    ],
    exits: [0, 2, 3, 4, 130, 143],
    act: async ([good = "", bad = "", spec = ""], options) =>
      (await import("./bisect.ts")).bisectCommand({ good, bad, spec }, options),
  },
];
