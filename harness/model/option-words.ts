// Decides what the words are that options of every kind of node are made of: names, sizes, durations, addresses.
import { isAbsolute } from "node:path";
import { z } from "zod";
import { type Duration, durationMs, type Size, sizeBytes } from "./duration.ts";
import { DeclarationError } from "./errors.ts";
import { nearest } from "./options.ts";

export const words = z.array(z.string()).min(1);
export const name = z.string().regex(/^[a-z0-9]+(?:-[a-z0-9]+)*$/, "use lower-case letters, digits and single hyphens");
export const absolute = z.string().refine(isAbsolute, "not an absolute path");
const checked = <Text extends string>(read: (text: string) => number) =>
  z
    .custom<Text>((value) => typeof value === "string", "expected text")
    .superRefine((text, context) => {
      try {
        read(text);
      } catch (error) {
        const said = error instanceof DeclarationError ? `${error.seen}; ${error.hint}` : String(error);
        context.addIssue({ code: "custom", message: said });
      }
    })
    .transform(read);
/** Bytes, written `512m`. */
export const size = checked<Size>((text) => sizeBytes(text));
/** Milliseconds, written `30s`. */
export const duration = checked<Duration>((text) => durationMs(text));
/** One of many words that somebody else defined; a typo is told with the word that was probably meant. */
export const wordOf = (what: string, known: readonly string[]) =>
  z.string().superRefine((word, context) => {
    if (known.includes(word)) return;
    const guess = nearest(word, known);
    const message = `"${word}" is no ${what}${guess === undefined ? "" : `, did you mean "${guess}"?`}`;
    context.addIssue({ code: "custom", message });
  });
/** Permission bits of a file. */
export const mode = z.int().min(0).max(0o7777);
/** A numeric user or group id. */
export const id = z.int().min(0);
export const ipv4 = z.ipv4();
export const hostName = z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9.-]{0,62}$/, "not a host name");
