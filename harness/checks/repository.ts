// Decides which sentences can be said about where a node's packager gets its packages: apt's sources in both formats, yum's and dnf's,
// apk's. What is configured is told, not what answers there.
import type { Probe } from "../model/check.ts";
import type { Node } from "../model/node.ts";
import type { FileTree } from "../model/tree.ts";
import { about, requireSubject, verdict } from "./question.ts";
import { type Repository, type RepositoryFile, readRepositories } from "./repository-files.ts";
import { textsOf } from "./tree-bytes.ts";
import { denied, failedProbe, missingTool, requireOpen, unreadable } from "./unanswered.ts";
import { occurs, sayWanted, type Wanted } from "./wanted.ts";

/** Subject: anything. Answer: all repositories that are configured, those that are switched off among them. */
export const repositoryFacts: Probe<string, readonly Repository[]> = {
  name: "repositories",
  script: () => `export LC_ALL=C
command -v cat >/dev/null || exit 127
[ -d /etc/apt ] || [ -d /etc/yum.repos.d ] || [ -d /etc/apk ] || exit 78
${requireOpen("/etc/apt /etc/apt/sources.list.d /etc/dnf /etc/yum.repos.d /etc/apk /etc/apk/repositories.d")}
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources /etc/dnf/dnf.conf /etc/yum.conf \\
  /etc/yum.repos.d/*.repo /etc/apk/repositories /etc/apk/repositories.d/*.list; do
  [ -f "$file" ] || continue
  printf '%s\\0' "$file"; cat "$file" || exit 77; printf '\\0'
done
printf 'end' | cat`,
  parse(output, subjects) {
    if (output.status === 127) throw missingTool("cat", "where packages come from");
    if (output.status === 78) throw noPackager();
    if (output.status === 77) throw denied("cannot see where packages come from", output.stderr.trim());
    const fields = output.stdout.toString("utf8").split("\0");
    if (output.status !== 0 || fields.at(-1) !== "end" || fields.length % 2 !== 1)
      throw unreadable("repositories", output);
    const files: RepositoryFile[] = [];
    for (let at = 0; at + 1 < fields.length; at += 2)
      files.push({ path: fields[at] ?? "", text: fields[at + 1] ?? "" });
    const found = readRepositories(files);
    return subjects.map(() => found);
  },
  async fromTree(tree, subjects) {
    const places = ["/etc/apt", "/etc/yum.repos.d", "/etc/apk"];
    const there = await tree.list(places);
    if (there.every((names) => names === undefined)) throw noPackager();
    const found = readRepositories(await filesFrom(tree));
    return subjects.map(() => found);
  },
};

function noPackager() {
  return failedProbe("cannot see where packages come from", "there is no configuration of apt, yum, dnf or apk");
}

/** The same files as the script's, in its order. */
async function filesFrom(tree: FileTree): Promise<readonly RepositoryFile[]> {
  const directories = ["/etc/apt/sources.list.d", "/etc/yum.repos.d", "/etc/apk/repositories.d"];
  const [apt, yum, apk] = (await tree.list(directories)).map((names, at) => {
    if (names instanceof Error) throw names;
    return (suffix: string) =>
      (names ?? [])
        .filter((name) => name.endsWith(suffix) && !name.startsWith("."))
        .map((name) => `${directories[at]}/${name}`);
  });
  const paths = [
    "/etc/apt/sources.list",
    ...[".list", ".sources"].flatMap((suffix) => apt?.(suffix) ?? []),
    "/etc/dnf/dnf.conf",
    "/etc/yum.conf",
    ...(yum?.(".repo") ?? []),
    "/etc/apk/repositories",
    ...(apk?.(".list") ?? []),
  ];
  const texts = await textsOf(tree, paths);
  return paths.flatMap((path, at) => {
    const text = texts[at];
    return text === undefined ? [] : [{ path, text }];
  });
}

/**
 * Where the packager gets packages: one entry a URL, suite and list of components (apt), one a section (yum, dnf), one a line (apk).
 * @example await expect(soe).toMeet(all(repositories().have("http://deb.debian.org/debian", { suite: "bookworm" }), repositories().areSigned()));
 * @example await expect(soe).toMeet(repositories().areOnly(/^https:\/\/mirror\.studio\.example\//));
 */
export function repositories() {
  const ask = about<Node, readonly Repository[]>({
    subject: "repositories",
    command: "cat /etc/apt/sources.list /etc/apt/sources.list.d/* /etc/yum.repos.d/* /etc/apk/repositories",
    observe: (node) => node.observe(repositoryFacts, "all"),
  });
  const say = (seen: readonly Repository[]) => seen.map(sayRepository).join("; ") || "none";
  return {
    /**
     * One that is switched on has this URL (text: whole, but for a slash at its end), and this suite, component or section's name where
     * they are given.
     */
    have(url: Wanted, wanted: { readonly suite?: string; readonly component?: string; readonly name?: string } = {}) {
      const more = Object.entries(wanted).map(([word, value]) => `${word} ${value}`);
      const said = [sayWanted(url), ...more].join(", ");
      return ask(`have ${said}`, (seen) =>
        verdict(
          seen.some(
            (each) =>
              each.enabled &&
              isAt(url, each.url) &&
              (wanted.suite === undefined || each.suite === wanted.suite) &&
              (wanted.component === undefined || each.components.includes(wanted.component)) &&
              (wanted.name === undefined || each.name === wanted.name),
          ),
          said,
          say(seen),
        ),
      );
    },
    /** Each that is switched on has one of these URLs; there is at least one. */
    areOnly(...urls: readonly Wanted[]) {
      requireSubject(
        urls.length > 0,
        "areOnly() was given no URL",
        "write those that may be; none at all is areNone()",
      );
      const said = urls.map(sayWanted).join(", ");
      return ask(`are only ${said}`, (seen) => {
        const on = seen.filter(({ enabled }) => enabled);
        const others = on.filter((each) => !urls.some((url) => isAt(url, each.url)));
        return verdict(on.length > 0 && others.length === 0, `only ${said}`, say(others.length > 0 ? others : on));
      });
    },
    /** None is switched on. */
    areNone: () =>
      ask("are none", (seen) => {
        const on = seen.filter(({ enabled }) => enabled);
        return verdict(on.length === 0, "none", say(on));
      }),
    /** None that is switched on is used without its signature: no `trusted=yes`, no `allow-insecure`, no `gpgcheck=0`. apk's always are. */
    areSigned: () =>
      ask("are signed", (seen) => {
        const unsigned = seen.filter(({ enabled, signed }) => enabled && !signed);
        return verdict(unsigned.length === 0, "each with its signature", say(unsigned.length > 0 ? unsigned : seen));
      }),
  };
}

function isAt(wanted: Wanted, url: string): boolean {
  const bare = (text: string) => text.replace(/\/+$/, "");
  return typeof wanted === "string" ? bare(wanted) === bare(url) : occurs(wanted, url);
}

function sayRepository({ file, name, url, suite, components, enabled, signed }: Repository): string {
  const words = [name, url, suite, components.join(" ")].filter(Boolean).join(" ");
  return `${words}${enabled ? "" : " (off)"}${signed ? "" : " (without signature)"} in ${file}`;
}
