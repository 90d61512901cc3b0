// Decides which numbers of studios become which row of the table, and what is asked of each. Pure.
import type { Row } from "./table.ts";
import { howOf, loadOf, side, type Told } from "./told.ts";

export interface ToldOfStudios {
  readonly up: Told;
  /** The same as `up`, with its own reason why testinfra took nothing. */
  readonly testinfra: Told;
  readonly reset: Told;
  readonly growth: Told;
  /** Of this machine. */
  readonly cores: number;
}

/** A row each for what `studio-up`, `studio-reset` and `studio-growth` took. */
export function studioRows({ up, testinfra, reset, growth, cores }: ToldOfStudios): Row[] {
  const asserted = up.words["assertions"] ?? "the";
  const studio = `studio of 3 up, booted, until ${asserted} assertions of each held, ${howOf(up)}`;
  const script =
    "the same images and XML: qemu-img create, virsh create, ssh until the boot is over, one script of all over ssh";
  const boot = side(
    up,
    "up: boot",
    'standUp of three with start: "boot", toMeet of each, snapshots for resets included',
  );
  const load = loadOf(up, "up: load");
  return [
    {
      work: studio,
      ours: boot,
      peer: side(up, "up: by hand, each", `${script}, one host after the other`),
      target: 0.6,
      ...load,
    },
    {
      work: `${studio}; by hand all created before the first is asked`,
      ours: boot,
      peer: side(up, "up: by hand, first", script),
      ...load,
    },
    {
      work: `${studio}; Assay's default start`,
      ours: side(up, "up: warm", "standUp from the memory of an earlier run's, each made fresh; toMeet of each"),
      peer: side(up, "up: by hand, each", `${script}, one host after the other`),
      ...load,
    },
    {
      work: `reset of a studio with NFS, server and 2 clients, to writes through the mounts, ${howOf(reset)}`,
      ours: side(reset, "reset: ours", "rewind of all to one moment; what a test left is gone on each"),
      peer: side(reset, "reset: anew", "takeDown, and standUp of machines that boot"),
      target: 0.1,
      ...loadOf(reset, "reset: load"),
    },
    {
      work: `growth of a studio from 1 host to 8, of 256 MB each, on ${cores} cores, ${howOf(growth)}`,
      ours: side(growth, "growth: 8", "standUp of eight, until all have booted"),
      peer: eightTimes(side(growth, "growth: 1", "eight times the standUp of one")),
      target: 0.5,
      ...loadOf(growth, "growth: load"),
    },
    {
      work: "memory of the harness for one host more",
      ours: side(growth, "memory", "growth of the test process with eight more, by eight"),
      limit: 10,
      unit: "MiB",
    },
    {
      work: `100 checks on each of 3 hosts, ${howOf(up)}`,
      ours: side(up, "checks: ours", "expect(node).toMeet(all(…)) of the three at once, to the last promise"),
      peer: side(
        testinfra,
        "checks: testinfra",
        "pytest with testinfra, its ssh backend, one connection a host kept open",
      ),
      target: 1 / 20,
      ...loadOf(up, "checks: load"),
    },
  ];
}

function eightTimes(one: Row["ours"]): Row["ours"] {
  if ("missing" in one) return one;
  const { median, lower, upper, rounds } = one.sample;
  return { ...one, sample: { rounds, median: median * 8, lower: lower * 8, upper: upper * 8 } };
}
