// Decides which token a CI's job has for its identity, and what is said when it, or a service that is asked with it, is of no use: each
// trouble with its next step. The token is a secret and in no message. Does not verify it: Fulcio does.
import { CIContextProvider, InternalError } from "@sigstore/sign";
import { z } from "zod";
import { messageOf, ReportError } from "../model/errors.ts";
import { redact, register } from "../model/secret.ts";
import { oneLine } from "./escape.ts";

/** What a job is known by to Fulcio, and what the token says of itself. */
export interface IdentityToken {
  /** The token, a JWT. */
  readonly text: string;
  readonly issuer: string;
  /** Whom it is for; in words where it does not say. */
  readonly audience: string;
}

const claims = z.looseObject({
  iss: z.string().min(1),
  sub: z.string().min(1),
  exp: z.number(),
  aud: z.union([z.string(), z.array(z.string())]).default([]),
});

/**
 * The token of this job, for the audience `sigstore`: of `SIGSTORE_ID_TOKEN`, or as GitHub Actions and Buildkite give it. Registered as a
 * secret. A `ReportError`: `no-token`, `bad-token`, `expired-token`. `now`: milliseconds since the epoch.
 * @example await signStatement(statement, { keyless: { token: await identityToken(Date.now()) } })
 */
export async function identityToken(now: number): Promise<IdentityToken> {
  let text: string;
  try {
    text = (await new CIContextProvider("sigstore").getToken()).trim();
  } catch (error) {
    throw refused(
      "no-token",
      "this job has no identity token, and --keyless signs with one",
      "set SIGSTORE_ID_TOKEN to a token of your CI's for the audience sigstore (GitLab: id_tokens; GitHub: permissions: id-token: write, and no variable); or give --key",
      error,
    );
  }
  if (text.length >= 4) register("identity token", text);
  const read = claims.safeParse(payloadOf(text));
  if (!read.success)
    throw refused(
      "bad-token",
      "the identity token is no JWT with issuer, subject and expiry",
      "set SIGSTORE_ID_TOKEN to the token itself, as the CI gives it, and to nothing around it",
    );
  const { iss, exp, aud } = read.data;
  const issuer = oneLine(iss);
  if (exp * 1000 <= now)
    throw refused(
      "expired-token",
      `the identity token of ${issuer} expired at ${sayTime(exp * 1000)}, and it is ${sayTime(now)}`,
      "ask the CI for a new one just before assay attest, after the tests",
    );
  return { text, issuer, audience: oneLine([aud].flat().join(", ")) || "nobody in particular" };
}

/** Why keyless signing came to nothing, and what to do. `services`: their addresses. */
export function unsigned(
  error: unknown,
  { issuer, audience }: IdentityToken,
  services: { readonly fulcio: string; readonly rekor: string; readonly timestamp: string | undefined },
): ReportError {
  const code = error instanceof InternalError ? error.code : undefined;
  const cause = error instanceof InternalError ? error.cause : undefined;
  const status = (cause as { statusCode?: unknown } | undefined)?.statusCode;
  const said = oneLine(redact(messageOf(cause ?? error)), 600);
  const gone = typeof status !== "number" || status >= 500;
  switch (code) {
    case "IDENTITY_TOKEN_PARSE_ERROR":
      return refused(
        "bad-token",
        `the identity token of ${issuer} is of no use: ${said}`,
        "Fulcio takes an e-mail address only where its issuer has verified it: have it verified, or sign by a job's token without one",
        error,
      );
    case "CA_CREATE_SIGNING_CERTIFICATE_ERROR":
      return gone
        ? refused(
            "fulcio-gone",
            `Fulcio at ${services.fulcio} gave no certificate: ${said}`,
            "see whether it can be reached from here, or name another with --fulcio-url; or give --key",
            error,
          )
        : refused(
            "fulcio-refused",
            `Fulcio at ${services.fulcio} does not take the identity token of ${issuer} for ${audience}: ${said}`,
            `GET ${services.fulcio}/api/v2/configuration tells the issuers and audiences that it takes: have this one added, name another with --fulcio-url, or, if it is among them, ask for a new token`,
            error,
          );
    case "TLOG_CREATE_ENTRY_ERROR":
    case "TLOG_FETCH_ENTRY_ERROR":
      return refused(
        gone ? "rekor-gone" : "rekor-refused",
        `Rekor at ${services.rekor} ${gone ? "gave no entry" : "refused the entry"}: ${said}`,
        gone
          ? "see whether it can be reached from here, or name another with --rekor-url; nothing was written"
          : "it must take entries of the type dsse 0.0.1; name one that does with --rekor-url",
        error,
      );
    case "TSA_CREATE_TIMESTAMP_ERROR":
      return refused(
        "timestamp-gone",
        `the time stamp authority at ${services.timestamp} gave no time stamp: ${said}`,
        "name another with --timestamp-url, or none: a log's word is enough",
        error,
      );
    default:
      return refused(
        "not-signed",
        `the statement could not be signed: ${said}`,
        "keyless needs the CI job's identity token, Fulcio and Rekor; or give --key",
        error,
      );
  }
}

function payloadOf(token: string): unknown {
  try {
    return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8"));
  } catch {
    return undefined;
  }
}

function sayTime(ms: number): string {
  return Math.abs(ms) < 8.64e15 ? new Date(ms).toISOString() : "a time that is none";
}

function refused(code: string, seen: string, hint: string, cause?: unknown): ReportError {
  return new ReportError({ code, phase: "report", seen, hint, cause });
}
