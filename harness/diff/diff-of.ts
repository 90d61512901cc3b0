// Decides how two open images are held against each other: both trees walked, then few texts and those contents that sizes do not tell
// apart, each side in one passage. Refuses to hold contents in memory: digests only.
import { messageOf } from "../model/errors.ts";
import type { StillContents } from "../model/still.ts";
import { compare } from "./compare.ts";
import { type Entries, undecided } from "./entries.ts";
import type { DiffUnknown, ImageDiff } from "./image-diff.ts";
import { snapshotOf, walked } from "./snapshot.ts";

export interface Opened {
  /** For people: as it was asked for. */
  readonly name: string;
  readonly contents: StillContents;
}

/**
 * The difference of two images at rest. Reads each once more than opening did; about 200 bytes of memory a path and side. Rejects with the
 * errors of the still where a text that the answer is made of cannot be read; contents that cannot be are told in `unknown`.
 * @example const diff = await diffOf({ name: "old.tar", contents: await openStill(old) }, { name: "new.tar", contents: await openStill(new_) });
 */
export async function diffOf(old: Opened, now: Opened, options: { readonly all?: boolean } = {}): Promise<ImageDiff> {
  const sides = await Promise.all([walked(old.name, old.contents), walked(now.name, now.contents)]);
  const nobody: Omit<Entries, "paths"> = { users: new Map(), groups: new Map() };
  const paths = undecided({ ...nobody, paths: sides[0].paths }, { ...nobody, paths: sides[1].paths }).filter(
    // Nobody finds by its name what has bytes in it that are no text.
    (path) => !path.includes("\ufffd"),
  );
  // All in one tick: of a compressed layer it is one passage.
  const [before, after, was, is] = await Promise.all([
    snapshotOf(sides[0]),
    snapshotOf(sides[1]),
    old.contents.tree.sha256(paths),
    now.contents.tree.sha256(paths),
  ]);
  const digests = new Map<string, readonly [string, string]>();
  const failed: { readonly path: string; readonly why: string }[] = [];
  for (const [at, path] of paths.entries()) {
    const [one, other] = [was[at], is[at]];
    if (typeof one === "string" && typeof other === "string") {
      if (one !== other) digests.set(path, [one, other]);
    } else failed.push({ path, why: whyNot(one) ?? whyNot(other) ?? "it was not read" });
  }
  return compare({ old: before, new: after, digests, unread: told(failed) }, options);
}

type Digest = Awaited<ReturnType<StillContents["tree"]["sha256"]>>[number] | undefined;

function whyNot(answer: Digest): string | undefined {
  if (answer === undefined || typeof answer === "string") return undefined;
  return answer instanceof Error ? messageOf(answer) : `it is ${answer.nothing} when it is read`;
}

const most = 20;

function told(failed: readonly { readonly path: string; readonly why: string }[]): DiffUnknown[] {
  const topics = ["file", "config", "unit", "kernel", "boot"] as DiffUnknown["topics"];
  const said = failed.slice(0, most).map(({ path, why }) => ({ what: `contents of ${path}`, why, topics }));
  const more = failed.length - said.length;
  return more > 0 ? [...said, { what: `contents of ${more} more files`, why: "as above", topics }] : said;
}
