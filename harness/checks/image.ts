// Decides which sentences can be said about an image, at rest or as the one a container was made from: what the image declares, not what runs.
import type { ImageFacts } from "../model/image.ts";
import type { Node } from "../model/node.ts";
import { about, verdict } from "./question.ts";
import { occurs, sayWanted, type Wanted } from "./wanted.ts";

/** A container, or an image at rest. */
export type Imaged = Node & { image(): Promise<ImageFacts> };

/** @example await expect(soe).toMeet(all(image().hasCmd(["bash"]), image().hasLabel("version", "0.1.0"))); */
export function image() {
  const ask = about<Imaged, ImageFacts>({
    subject: "image",
    command: "docker image inspect --format '{{json .Config}}' IMAGE",
    observe: (node) => node.image(),
  });
  const pair = (what: "env" | "labels", word: string, name: string, value: Wanted | undefined) =>
    ask(`has ${word} ${name}${value === undefined ? "" : ` ${sayWanted(value)}`}`, ({ config }) => {
      const held = Object.hasOwn(config[what], name) ? config[what][name] : undefined;
      const met =
        held !== undefined &&
        (value === undefined || (typeof value === "string" ? held === value : occurs(value, held)));
      const there = Object.keys(config[what]).sort().join(", ") || "none";
      return verdict(
        met,
        value === undefined ? `${word} ${name}` : sayWanted(value),
        held === undefined ? `no ${word} ${name}; there are: ${there}` : JSON.stringify(held),
      );
    });
  const words = (what: "entrypoint" | "cmd", wanted: readonly string[]) =>
    ask(`has ${what} ${JSON.stringify(wanted)}`, ({ config }) =>
      verdict(
        JSON.stringify(config[what]) === JSON.stringify(wanted),
        JSON.stringify(wanted),
        config[what].length === 0 ? "none" : JSON.stringify(config[what]),
      ),
    );
  const word = (what: "user" | "workdir", wanted: string) =>
    ask(`has ${what} ${wanted === "" ? "unset" : wanted}`, ({ config }) =>
      verdict(config[what] === wanted, JSON.stringify(wanted), JSON.stringify(config[what])),
    );
  const member = (what: "expose" | "volumes", predicate: string, wanted: string) =>
    ask(`${predicate} ${wanted}`, ({ config }) =>
      verdict(config[what].includes(wanted), wanted, config[what].join(", ") || "none"),
    );
  return {
    /** A variable is set; where a value is given, text is the whole value, a pattern is searched in it. */
    hasEnv: (name: string, value?: Wanted) => pair("env", "variable", name, value),
    /** A label is there; a value is compared as in `hasEnv`. */
    hasLabel: (name: string, value?: Wanted) => pair("labels", "label", name, value),
    /** Exactly these words; none is `[]`. */
    hasEntrypoint: (wanted: readonly string[]) => words("entrypoint", wanted),
    /** Exactly these words; none is `[]`. */
    hasCmd: (wanted: readonly string[]) => words("cmd", wanted),
    /** As the image has it: `ops`, `1000:1000`; `""` for none, which is root. */
    hasUser: (wanted: string) => word("user", wanted),
    hasWorkdir: (wanted: string) => word("workdir", wanted),
    /** `80` is `80/tcp`. */
    exposes: (port: number | `${number}/${"tcp" | "udp"}`) =>
      member("expose", "exposes", typeof port === "number" ? `${port}/tcp` : port),
    hasVolume: (path: string) => member("volumes", "has volume", path),
    hasArchitecture: (wanted: string) =>
      ask(`has architecture ${wanted}`, ({ architecture }) => verdict(architecture === wanted, wanted, architecture)),
    /** `name:tag` is one that the engine knows the image by. */
    isTagged: (tag: string) =>
      ask(`is tagged ${tag}`, ({ tags }) => verdict(tags.includes(tag), tag, tags.join(", ") || "no tag")),
  };
}
