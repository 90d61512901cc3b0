// Decides which commands judge what runs concluded: the gate, and the history of checks. A part of table.ts; does none of the work.
import type { CommandEntry } from "./table.ts";

export const gateTable: readonly CommandEntry[] = [
  {
    usage: "gate [run...]",
    does: "decide whether a run is good enough for a release, by the policy in reports/policy.ts",
    teaches:
      "A run is named by its id, its directory or its report; without a word it is the newest. Refused is what the policy requires and the\n" +
      "run did not meet, a run on other files or images than there are now, one that is too old, contradicts itself or left something\n" +
      "behind, and whatever the gate does not understand. `assay gate explain [run]` says in sentences what refuses it and what is so.",
    examples: [
      ["assay gate", "the newest run"],
      ["assay gate explain k3f9x2", "why, or why not"],
      ["assay gate k3f9x2 --image vfx-studio-soe --json", "for a script, and for this image whatever the policy names"],
    ],
    options: [
      ["--policy <file>", "another policy than reports/policy.ts"],
      ["--image <recipe>", "the recipe's image is to be the one that was tested, beside those that the policy names"],
      [
        "--bundle <file...>",
        "statements of assay attest that vouch for the run; the policy's keys and identities say whether one is needed",
      ],
      ["--key <file...>", "public keys that may have signed them, SPKI in PEM"],
      ["--sign <source>", "sign the decision with this key, as a SLSA Verification Summary: see assay attest --key"],
      ["--verifier <uri>", "who decides, in the summary"],
      ["--resource <uri>", "what is released, in the summary"],
      ["--out <file>", "where the summary is written"],
      [
        "--since <recipe=image,...>",
        "older images, as assay diff names them: what budgets of differences are held against",
      ],
      ["--json", "print { accepted, run, at, refusals, met, notes, waived, quarantined, policy, report } as JSON"],
    ],
    exits: [0, 1, 2, 3],
    act: async (words, options) => (await import("./gate.ts")).gateCommand(words, options),
  },
  {
    usage: "history [name]",
    does: "tell what became of tests and checks in the runs that this machine remembers",
    teaches:
      "A name is a part of a test's or check's; without one, all that were not always met are told. What could not be asked is an\n" +
      "infrastructure fault and no failure. A flake is a failure on the same files and images on which it passed as well. The last 200 runs\n" +
      "are remembered, in history.db of the state directory.",
    examples: [
      ["assay history", "what was not always met, the flakiest first"],
      ['assay history "file /root/.bashrc"', "run by run"],
    ],
    options: [["--json", "print [{ test, check, counts, flakeRate, runs }] as JSON"]],
    exits: [0, 2, 3],
    act: async ([name], options) => (await import("./history.ts")).historyCommand(name, options),
  },
];
