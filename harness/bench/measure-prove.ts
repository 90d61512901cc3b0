// Decides how `assay prove` is measured: on the docker SOE's specs, as a user runs it, how long a mutant takes and how many nobody notices.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { ownModule } from "../place.ts";
import type { Figures } from "../prove/figures.ts";
import type { Measuring } from "./measure.ts";
import { proveRows } from "./prove-rows.ts";
import type { Row } from "./table.ts";

/** A run prints all its mutants. */
const mostBytes = 64 * 1024 * 1024;

/** Both rows. Rejects when the specs are not met as they are: that would prove nothing. */
export async function measureProve({ config, say, rounds }: Measuring): Promise<Row[]> {
  const taken: Figures[] = [];
  for (let round = 0; round < rounds; round += 1) {
    say(`prove docker-soe, round ${round + 1} of ${rounds}`);
    const words = [ownModule("cli"), "prove", "docker-soe", "--json"];
    const { stdout } = await promisify(execFile)(process.execPath, words, {
      cwd: config.project,
      maxBuffer: mostBytes,
    });
    taken.push(JSON.parse(stdout) as Figures);
  }
  return proveRows(taken);
}
