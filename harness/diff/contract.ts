// Decides what each known change must be in a difference of two images, whichever way those are made: its lines and no others, the rules that it
// breaks, its mirror, and nothing of what is the same.
import { describe, expect, test } from "vitest";
import type { StillContents } from "../model/still.ts";
import { diffOf } from "./diff-of.ts";
import { type DiffChange, type DiffTopic, type ImageDiff, imageDiffSchema } from "./image-diff.ts";
import { type DiffRule, diffRuleNames, violations } from "./violations.ts";

/** How images are made and opened. */
export interface Worlds<World> {
  make(): World;
  open(world: World, config?: object): Promise<StillContents>;
  /** Of the image on the other side of one whose configuration changed. */
  readonly configuration: object;
}

/** What is done to an image as it is made. */
export interface Side<World> {
  readonly change?: (world: World) => void;
  readonly config?: object;
}

/** What was done, the lines that tell it, in their order, and the rules that it breaks. */
export type KnownChange<World> = readonly [
  title: string,
  now: Side<World>,
  lines: readonly Partial<DiffChange>[],
  rules: readonly DiffRule[],
];

/** Of two images that are made for it. */
export async function difference<World>(
  worlds: Worlds<World>,
  [old, now]: readonly [Side<World>, Side<World>],
  options: { readonly all?: boolean } = {},
): Promise<ImageDiff> {
  const sides: StillContents[] = [];
  try {
    for (const { change, config } of [old, now]) {
      const world = worlds.make();
      change?.(world);
      sides.push(await worlds.open(world, config));
    }
    const [one, other] = sides as [StillContents, StillContents];
    const diff = await diffOf({ name: "old", contents: one }, { name: "new", contents: other }, options);
    return imageDiffSchema.parse(diff);
  } finally {
    await Promise.all(sides.map((side) => side.close()));
  }
}

function mirrored(diff: ImageDiff): ImageDiff {
  const kinds = { added: "removed", removed: "added", changed: "changed" } as const;
  const directions = { newer: "older", older: "newer" } as const;
  const sizes = (all: ImageDiff["sizes"]["packages"]) =>
    all.map(({ name, old, new: now }) => ({ name, old: now, new: old }));
  return {
    ...diff,
    old: { ...diff.new, name: "old" },
    new: { ...diff.old, name: "new" },
    changes: diff.changes.map(({ kind, details, direction, ...rest }) => ({
      ...rest,
      kind: kinds[kind],
      details: details.map(({ of, old, new: now }) => ({ of, old: now, new: old })),
      ...(direction === undefined ? {} : { direction: directions[direction] }),
    })),
    sizes: { packages: sizes(diff.sizes.packages), directories: sizes(diff.sizes.directories) },
  };
}

export function knownChanges<World>(
  worlds: Worlds<World>,
  topics: readonly DiffTopic[],
  changes: readonly KnownChange<World>[],
): void {
  describe("one known change", () => {
    test.each(changes)(
      "%s is told, and nothing else; the other way round is its mirror",
      async (_, now, lines, broken) => {
        const old = now.config === undefined ? {} : { config: worlds.configuration };
        const diff = await difference(worlds, [old, now]);
        expect(diff.changes).toHaveLength(lines.length);
        for (const [at, { details, ...rest }] of lines.entries()) {
          expect(diff.changes[at]).toMatchObject(rest);
          if (details !== undefined) expect(diff.changes[at]?.details).toEqual(details);
        }
        expect(diff.verdict).toBe("different");
        expect(diff.unknown).toEqual([]);
        expect(await difference(worlds, [now, old])).toEqual(mirrored(diff));
        const rules = diffRuleNames.filter((name) => name !== "any" && violations(diff, { [name]: true }).length > 0);
        expect(rules).toEqual(diffRuleNames.filter((name) => broken.includes(name)));
        expect(violations(diff, { any: true })).toHaveLength(diff.changes.length);
      },
    );

    test("there is one of every topic", () => {
      const seen = new Set(changes.flatMap(([, , lines]) => lines.map(({ topic }) => topic)));
      expect([...seen]).toEqual(expect.arrayContaining([...topics]));
    });

    test.each(changes)("%s: with itself nothing differs", async (_, now) => {
      const diff = await difference(worlds, [now, now]);
      expect(diff).toMatchObject({ verdict: "identical", changes: [], filtered: [], unknown: [] });
      expect(diff.sizes).toEqual({ packages: [], directories: [] });
    });
  });
}
