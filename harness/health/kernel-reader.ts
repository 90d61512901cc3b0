// Decides what a machine's kernel has said since it was asked last. Its shells read on in the log; where they cannot, the whole of it is asked
// for. Refuses to pass over what was overwritten between two looks: it is said.
import { type KernelLine, kernelTrouble } from "../checks/kernel-log.ts";
import { kernelNews } from "../checks/kernel-records.ts";
import { ObservationError } from "../model/errors.ts";
import type { VmNode } from "../model/node.ts";

/** What was said that tells of something broken; some of it may have been told before. */
export interface KernelSaid {
  readonly lines: readonly KernelLine[];
  /** Something was overwritten before it was read. */
  readonly missed: boolean;
}

/** A log that is written faster than it is read is not followed for ever. */
const mostTurns = 5;

export class KernelReader {
  readonly #node: VmNode;
  #boot = "";
  /** Number of the last record that was read in this boot. */
  #to: number | undefined;
  /** Where the log is asked for as a whole: until when it was known, and its newest line. */
  #asked: { readonly to: number; readonly line: string | undefined } | undefined;
  #readsOn = true;

  constructor(node: VmNode) {
    this.#node = node;
  }

  /** The guest was brought back: what its shells read since then they have not read. */
  rewound(): void {
    this.#to = undefined;
  }

  /** Rejects with what kept it from being asked. */
  async since(): Promise<KernelSaid> {
    const { bootId } = this.#node.facts;
    if (bootId !== this.#boot) {
      this.#boot = bootId;
      this.#to = undefined;
      this.#asked = undefined;
    }
    if (this.#readsOn)
      try {
        return await this.#readOn();
      } catch (error) {
        if (!(error instanceof ObservationError)) throw error;
        // Over ssh no shell keeps it open, and not every guest has what it takes. What was read and not told is in the whole.
        this.#readsOn = false;
      }
    return this.#whole();
  }

  async #readOn(): Promise<KernelSaid> {
    const lines: KernelLine[] = [];
    let missed = false;
    for (let turn = 0; turn < mostTurns; turn += 1) {
      const { records, overwritten, missing, lines: fresh } = await this.#node.observe(kernelNews, "log");
      lines.push(...fresh);
      // Another shell may read than the last time, from the beginning.
      const gap = records !== undefined && this.#to !== undefined && records.from > this.#to + 1;
      missed ||= overwritten || missing || gap;
      this.#to = records?.to ?? this.#to;
      if (!overwritten) break;
    }
    return { lines, missed };
  }

  async #whole(): Promise<KernelSaid> {
    const known = this.#asked;
    const said = await this.#node.observe(kernelTrouble, { behind: known?.line });
    if (said === "unchanged") return { lines: [], missed: false };
    this.#asked = { to: said.to, line: said.newest };
    return { lines: said.lines, missed: known !== undefined && said.from > known.to };
  }
}
