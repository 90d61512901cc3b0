// Decides in which words a finding fails a test, or a run: the node, what was found, what to do next.
import type { Finding, FindingKind } from "../model/health.ts";

/** What there is to look at, by kind. */
const next: Readonly<Record<FindingKind, string>> = {
  "kernel-panic": "read the end of its console in the evidence",
  "kernel-oops": "read dmesg.txt in the evidence: the call trace names the module",
  "oom-kill": "give it more memory, or find who takes it: the kernel's log lists the processes",
  segfault: "run the program again under a debugger, in the kept node: assay run --keep on-failure, then assay shell",
  "core-dump":
    "read what the program said before it ended, in the log or the journal; coredumpctl has the core where one was kept",
  "unit-failed": "systemctl status UNIT on the node, or journal.txt in the evidence",
  "filesystem-error": "the disk image or its file system is damaged: run its checker over the image",
  "avc-denial":
    "label the file, or allow it in the policy: expect(machine).toMeet(avc().hasDeniedNothing()) says what is usual",
  "restart-loop": "read the first error in log.txt of the evidence: the later ends only repeat it",
  exited: "read the end of its log in the evidence",
};

/** A finding that nobody allowed, of which node. */
export interface Wrong {
  readonly node: { readonly title: string; readonly name: string };
  readonly finding: Finding;
}

/** A failed assertion: what was found is the image's, and not that it could not be asked. */
export class HealthError extends Error {
  /** What tells a failed assertion from an error is this name. */
  override readonly name = "AssertionError";

  constructor(wrongs: readonly Wrong[]) {
    super(wrongs.map(say).join("\n"));
  }
}

function say({ node: { title, name }, finding: { kind, lines } }: Wrong): string {
  return [
    `${title} is not healthy: ${kind}`,
    ...lines.map((line) => `  seen      ${line}`),
    `  next      ${next[kind]}`,
    `  allowed   where a test does it on purpose by provokes(${name}, "${kind}") in it; else by tolerates: { "${kind}": "why" } in the declaration of ${name}`,
  ].join("\n");
}
