// Decides whether what a statement tells is of a time that counts: not older than it may be, and not of the future. Pure. Refuses statements
// that tell no time. The time is the signer's word, also where a log or a time stamp says when it was signed: that is later than the run.
import { z } from "zod";
import { durationMs } from "../model/duration.ts";
import { usualClockSkew } from "../model/policy.ts";
import { summaryType } from "./attest-summary.ts";
import { reportConfiguration, testResultSchema, type VerifiedStatement } from "./gate-evidence.ts";

const clockSkewMs = durationMs(usualClockSkew);
const time = z.iso.datetime({ offset: true });
const decided = z.object({ timeVerified: time });
const ran = z.object({ endedAt: time });

/**
 * Why a statement does not count now, in words; `undefined` where it does. Of a gate's decision the time is when it was made, of a test
 * result when the run ended. `now`: milliseconds since the epoch.
 * @example ageObjection(verified, { maxAgeMs: durationMs("24h"), said: "24h", now: Date.now() }) // "it is of 2026-11-01T…Z, and may be 24h old"
 */
export function ageObjection(
  statement: Pick<VerifiedStatement, "predicateType" | "predicate">,
  { maxAgeMs, said, now }: { readonly maxAgeMs: number; readonly said: string; readonly now: number },
): string | undefined {
  const told = timeOf(statement);
  if (told === undefined) return "it does not say of when it is, so that nobody knows how old it is";
  const at = Date.parse(told);
  if (at > now + clockSkewMs) return `it is of ${told}, which is after now, ${new Date(now).toISOString()}`;
  return now - at > maxAgeMs ? `it is of ${told}, and may be ${said} old` : undefined;
}

function timeOf({ predicateType, predicate }: Pick<VerifiedStatement, "predicateType" | "predicate">) {
  if (predicateType === summaryType) return decided.safeParse(predicate).data?.timeVerified;
  const reports = testResultSchema
    .safeParse(predicate)
    .data?.configuration.filter(({ name }) => name === reportConfiguration);
  return reports?.length === 1 ? ran.safeParse(reports[0]?.annotations).data?.endedAt : undefined;
}
