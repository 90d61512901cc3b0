// Decides what `assay prove` is on the command line. A part of table.ts; does none of the work.
import type { CommandEntry } from "./table.ts";

export const proveTable: readonly CommandEntry[] = [
  {
    usage: "prove [pattern...]",
    does: "change what specs look at, on purpose, and tell which changes none of them notices",
    teaches:
      "The specs run once; then what they observed is changed, one thing at a time, in clones of their environments, and the tests that looked\n" +
      "at it run again: a file taken away or another's, a package, a user, a mount, a variable, a\n" +
      "label, a process, a service, a key, row, document or queue of a server. What every test still passes has\n" +
      "survived: nobody would notice it in an image. Checks that are met whatever is changed and tests that ask nothing are named. Nothing is\n" +
      "changed on this machine, in bind mounts or in volumes: what lies there is told as left alone.",
    examples: [
      ["assay prove docker-soe", "what the SOE's specs would notice"],
      ["assay prove docker-soe --min 0.95", "the same; fails where more than 5 % survive"],
      ["assay prove docker-soe-studio --only file,user", "some kinds of changes only"],
    ],
    options: [
      ["--min <share>", "the least share of changes to be noticed, 0 to 1; below it the exit code is 1"],
      [
        "--only <kind,...>",
        "kinds of changes: file, package, user, group, inventory, system, command, service, process, port, database, queue, label, image, mount, environment",
      ],
      ["--node <name>", "only changes of this node"],
      ["--project <name>", "a project of tests other than the specs"],
      ["--with <name=other,...>", "let a recipe, an image or an environment stand in for the one of that name"],
      [
        "--json",
        "print { min, made, found, errored, survived, share, msEach, specs } as JSON; the run's lines go to standard error",
      ],
    ],
    exits: [0, 1, 2, 3, 4, 130, 143],
    act: async (patterns, options) => (await import("./prove.ts")).proveCommand(patterns, options),
  },
];
