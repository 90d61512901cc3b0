// Decides how much disk the store may take, as it is declared and where nothing is. Pure but for one question to the file system.
import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import { sizeBytes } from "../model/duration.ts";
import { DeclarationError } from "../model/errors.ts";

/** Where nothing is declared: this part of the disk that the store lies on, and never more than `most`. */
const share = 0.15;
const most = 40 * 1024 ** 3;

/** Bytes, a part of the disk, or no end. */
export type Budget = { readonly bytes: number } | { readonly share: number } | "none";

/**
 * Reads `20g`, `15%` or `none`; a `DeclarationError` (code `bad-budget`) for anything else.
 * @example readBudget("20g", "ASSAY_STORE_BUDGET") // { bytes: 21474836480 }
 */
export function readBudget(text: string, said: string): Budget {
  if (text === "none") return "none";
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text);
  if (percent !== null && Number(percent[1]) <= 100) return { share: Number(percent[1]) / 100 };
  if (text === "0") return { bytes: 0 };
  try {
    return { bytes: sizeBytes(text) };
  } catch (error) {
    throw new DeclarationError({
      code: "bad-budget",
      seen: `${said} is "${text}", which is no amount of disk`,
      hint: 'write a size as in "20g", a part of the disk as in "15%", or "none"',
      cause: error,
    });
  }
}

/** What a budget comes to for a store in `directory`, bytes; `Infinity` for none. Absent: 15 % of the disk, at most 40 GiB. */
export function budgetBytes(budget: Budget | undefined, directory: string): number {
  if (budget === "none") return Number.POSITIVE_INFINITY;
  if (budget !== undefined && "bytes" in budget) return budget.bytes;
  const part = (of: number) => Math.floor(diskBytes(directory) * of);
  return budget === undefined ? Math.min(most, part(share)) : part(budget.share);
}

/** Of the nearest directory above that exists: a store may not have been made yet. */
function diskBytes(directory: string): number {
  try {
    const { blocks, bsize } = statfsSync(directory);
    return blocks * bsize;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || dirname(directory) === directory) throw error;
    return diskBytes(dirname(directory));
  }
}
