// Decides what differs in the configuration of two images: what a container of each is started with, and how each was made. Pure.
import type { ImageFacts } from "../model/image.ts";
import { bothKeys, type DiffChange, differing, kindOf } from "./image-diff.ts";

export function metadataChanges(old: ImageFacts | undefined, now: ImageFacts | undefined): DiffChange[] {
  if (old === undefined || now === undefined) return [];
  const [before, after] = [factsOf(old), factsOf(now)];
  const changes = bothKeys(before, after).flatMap((subject): DiffChange[] => {
    const [had, has] = [before.get(subject), after.get(subject)];
    const details = differing("value", had ?? null, has ?? null);
    return details.length === 0 ? [] : [{ topic: "metadata", kind: kindOf(had, has), subject, details }];
  });
  return [...changes, ...historyChanges(old.history, now.history)];
}

/** Ports that the configuration declares, by `80/tcp of EXPOSE`. */
export function exposedPorts(image: ImageFacts | undefined): readonly (readonly [string, string])[] {
  return (image?.config.expose ?? []).map((port) => [`${port} of EXPOSE`, "declared"] as const);
}

function factsOf({ architecture, created, config }: ImageFacts): ReadonlyMap<string, string> {
  const { entrypoint, cmd, env, labels, user, workdir, volumes, stopSignal } = config;
  const table = (word: string, values: Readonly<Record<string, string>>) =>
    Object.entries(values).map(([name, value]) => [`${word} ${name}`, value] as const);
  const facts = [
    ["architecture", architecture],
    ["created", created],
    ["entrypoint", entrypoint.length === 0 ? "" : JSON.stringify(entrypoint)],
    ["cmd", cmd.length === 0 ? "" : JSON.stringify(cmd)],
    ["user", user],
    ["workdir", workdir],
    ["stop signal", stopSignal ?? ""],
  ] as const;
  return new Map([
    // What is not said is empty.
    ...facts.filter(([, value]) => value !== ""),
    ...table("env", env),
    ...table("label", labels),
    ...volumes.map((volume) => [`volume ${volume}`, "declared"] as const),
  ]);
}

/** Steps from the first that differs on. */
function historyChanges(old: readonly string[] | undefined, now: readonly string[] | undefined): DiffChange[] {
  if (old === undefined || now === undefined) return [];
  let same = 0;
  while (same < Math.max(old.length, now.length) && old[same] === now[same]) same += 1;
  const length = Math.max(old.length, now.length) - same;
  return Array.from({ length }, (_, each): DiffChange => {
    const [had, has] = [old[same + each], now[same + each]];
    return {
      topic: "metadata",
      kind: kindOf(had, has),
      subject: `history step ${same + each + 1}`,
      details: [{ of: "created by", old: had ?? null, new: has ?? null }],
    };
  });
}
