// Decides what Kubernetes' quantities come to: "256Mi" is bytes, "500m" is half a processor. Refuses units that mean something else.
import { leastMemory } from "../model/kernel-words.ts";
import type { Placed } from "./placed.ts";

const suffixes: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/**
 * A quantity as a number, or why it is none.
 * @see https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 * @example quantity("256Mi") // 268435456
 * @example quantity("500m") // 0.5
 */
export function quantity(text: string): number | { readonly flaw: string } {
  const match = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d+)|([a-zA-Z]*))$/.exec(text);
  if (match === null) return { flaw: `"${text}" is no quantity` };
  const [, number, exponent, suffix = ""] = match;
  const factor = exponent === undefined ? suffixes[suffix] : 10 ** Number(exponent);
  if (factor === undefined) {
    const units = Object.keys(suffixes).filter((each) => each !== "");
    const bare = suffix.replace(/[bB]$/, "");
    const meant = units.includes(bare) ? bare : units.find((each) => each.toLowerCase() === bare.toLowerCase());
    return { flaw: `"${suffix}" is no unit of a quantity${meant === undefined ? "" : `, did you mean "${meant}"?`}` };
  }
  const value = Number(number) * factor;
  return value < 0 ? { flaw: `${text} is less than nothing` } : value;
}

/** Bytes. */
export function memoryOf(placed: Placed): number {
  const bytes = read(placed);
  // Thousandths of bytes are lawful, and never meant.
  if (/\dm$/.test(placed.word()))
    placed.refuse(`${placed.word()} is thousandths of bytes`, `write ${placed.word().slice(0, -1)}Mi for mebibytes`);
  if (!Number.isInteger(bytes)) placed.refuse(`${placed.word()} is no whole number of bytes`);
  if (bytes < leastMemory)
    placed.refuse(`${placed.word()} is less than an engine gives a container`, "6Mi is the least");
  return bytes;
}

/** Processors. */
export function cpusOf(placed: Placed): number {
  const cpus = read(placed);
  if (/\d(?:[MGTPEk]|[KMGTPE]i)$/.test(placed.word()))
    placed.refuse(`${placed.word()} is more processors than there are`, "500m is half of one");
  // The engine counts in hundredths; Kubernetes in thousandths.
  if (cpus < 0.01) placed.refuse(`${placed.word()} is less than an engine gives a container`, "10m is the least");
  return cpus;
}

/** Bytes of storage: any number above nothing. */
export function storageOf(placed: Placed): number {
  const bytes = read(placed);
  if (bytes < 1 || /\dm$/.test(placed.word()))
    placed.refuse(`${placed.word()} is no room for anything`, "write 1Gi for a gibibyte");
  return bytes;
}

function read(placed: Placed): number {
  const value = quantity(placed.word());
  return typeof value === "number"
    ? value
    : placed.refuse(value.flaw, 'write a number and a unit, as in "256Mi" or "500m"');
}
