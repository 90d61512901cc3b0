// Decides how the commands are told that compare: two images, and two environments. A part of table.ts; does none of the work.
import type { CommandEntry, ExitMeaning } from "./table.ts";

const running: readonly ExitMeaning[] = [0, 1, 2, 3, 4, 130, 143];

export const diffTable: readonly CommandEntry[] = [
  {
    usage: "diff <old> <new>",
    does: "tell what differs between two images at rest: rights, users, units, packages, ports, boot, metadata, files, sizes",
    teaches:
      "An image is a recipe that is built, sha256:… of one as assay list --store shows it, a file of docker save, an OCI layout, a directory or\n" +
      "a tar with a root file system, a disk (raw or qcow2, ext2 to ext4), or name:tag that the engine has; of several images in one file,\n" +
      "file.tar#name:tag. Nothing is started. Of a disk, partitions beside the root's are compared as wholes.\n" +
      "What is no news is left out and counted by its reason; --all shows it. --fail-on takes rules, parted by commas:\n" +
      "setuid-added, capability-added, writable-added, user-added, user-changed, group-changed, unit-enabled, unit-disabled, package-added,\n" +
      "package-removed, package-older, port-added, kernel-changed, boot-changed, metadata-changed, config-changed, any; and the budgets\n" +
      "packages-added=<n>, bytes-added=<size>. What could not be seen breaks the rules that are about it.\n" +
      "assay report <run> --diff <file> shows what --json printed in the run's page.",
    examples: [
      ["assay diff soe-0.1.0.tar vfx-studio-soe", "the last release beside what the recipe gives now"],
      ["assay diff old.tar new.tar --fail-on setuid-added,package-removed,packages-added=3", "for a release's script"],
      ["assay diff studio/soe:1 studio/soe:2 --json | jq '.changes[] | select(.topic == \"unit\")'", "one topic"],
    ],
    options: [
      ["--all", "every change, those among them that are left out otherwise, with the reason"],
      ["--fail-on <rules>", "end with 1 where one of these is broken; without it differences are no failure"],
      ["--platform <name>", "linux/arm64, where a file holds several"],
      [
        "--json",
        "print { schemaVersion, old, new, verdict, changes, filtered, unknown, sizes, violations } as JSON (reports/diff.schema.json)",
      ],
    ],
    exits: [0, 1, 2, 3],
    act: async (words, options) => (await import("./diff.ts")).diffCommand(words, options),
  },
  {
    usage: "parity <name>",
    does: "run the same specs on two environments and show where they differ",
    teaches:
      "Two images of one origin, a container's and a machine's, are to be alike. A parity is declared in environments/ with what may\n" +
      "differ and why; every other difference fails, and so does a declared one that is not seen any more.",
    examples: [["assay parity soe", "the SOE's container beside its virtual machine"]],
    options: [
      ["--json", "print { parity, alike, sides, lines, idle } as JSON; what the run says goes to standard error"],
    ],
    exits: running,
    async act([name = ""], options) {
      const { parityCommand } = await import("./parity.ts");
      return parityCommand(name, options);
    },
  },
];
