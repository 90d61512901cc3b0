// Decides how it is seen how long passwords last and when accounts end, from the shadow database (shadow(5)). Knows no hash.
import type { Probe } from "../model/check.ts";
import { askShadow, readShadow } from "./password.ts";
import { shadowFromTree } from "./tree-account.ts";

export interface PasswordAge {
  /** Days; `undefined` where the database leaves it open. */
  readonly least: number | undefined;
  readonly most: number | undefined;
  readonly warning: number | undefined;
  /** The day on which the account ends, `2027-01-31`, or `never`. */
  readonly expires: string;
}

/** Subject: a user's name. Answer: `undefined` where the shadow database does not have the user. */
export const passwordAge: Probe<string, PasswordAge | undefined> = {
  name: "password age",
  script: askShadow,
  parse: (output, names) => readShadow(output, names, readAge),
  fromTree: (tree, names) => shadowFromTree(tree, names, readAge),
};

const dayMs = 24 * 60 * 60 * 1000;

function readAge([, , least = "", most = "", warning = "", , expires = ""]: readonly string[]): PasswordAge {
  const days = (text: string) => (/^\d+$/.test(text) ? Number(text) : undefined);
  const end = days(expires);
  return {
    least: days(least),
    most: days(most),
    warning: days(warning),
    expires: end === undefined ? "never" : new Date(end * dayMs).toISOString().slice(0, 10),
  };
}

export function sayAge(seen: PasswordAge | undefined): string {
  if (seen === undefined) return "the shadow database does not have the user";
  const { least, most, warning, expires } = seen;
  const days = (count: number | undefined) => (count === undefined ? "not set" : `${count} days`);
  return `at least ${days(least)}, at most ${days(most)}, warned ${days(warning)} before, account expires ${expires}`;
}
