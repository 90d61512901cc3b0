// Decides which sentences can be said about the licences of packages: that each is told, and which words are in what is told.
// Refuses to judge whether licences fit together. Of dpkg it reads copyright files, which Debian's policy (12.5) demands of each package,
// of apk and rpm their databases.
import type { Probe } from "../model/check.ts";
import type { Node } from "../model/node.ts";
import { fileContents } from "./file-bytes.ts";
import { packageDatabases } from "./package-facts.ts";
import { about, verdict } from "./question.ts";
import type { RpmPackage } from "./rpm-package.ts";
import { apkText, dpkgTexts, packagesIn } from "./tree-package.ts";
import { rpmInTree } from "./tree-rpm.ts";
import { failedProbe, requireTool, unreadable } from "./unanswered.ts";
import { occurs, sayWanted, type Wanted } from "./wanted.ts";

export interface LicenceFacts {
  readonly package: string;
  /** What its copyright file says, or the packager's database; `undefined` where it says nothing. */
  readonly text: string | undefined;
}

/**
 * Subject: always `packages`. Answer: the packages that are installed, of whichever packager has its database there. apk's and rpm's say
 * the licence of each; dpkg's does not.
 */
export const installedPackages: Probe<
  "packages",
  { readonly manager: string; readonly packages: readonly LicenceFacts[] }
> = {
  name: "licences",
  script: () => `export LC_ALL=C
${packageDatabases}
by=$(packager any)
# Images from which dpkg was taken keep its database, whole or a file a package.
if [ "$by" = dpkg ] && ! command -v dpkg-query >/dev/null && command -v cat >/dev/null; then by=files; fi
echo "$by"
case $by in
files) for file in "$dpkg" "$dpkg".d/*; do
    case $file in *.md5sums) continue ;; esac
    if [ -f "$file" ]; then cat -- "$file" || exit; echo; fi
  done ;;
dpkg) dpkg-query -W -f '\${db:Status-Status} \${Package}\\n' ;;
apk) grep -E '^([PL]:|$)' "$apk" ;;
rpm) rpm -qa --qf '%{NAME}\\t%{LICENSE}\\n' ;;
*) exit 77 ;;
esac`,
  parse(output, subjects) {
    const text = output.stdout.toString("utf8");
    const end = text.indexOf("\n");
    const manager = text.slice(0, Math.max(end, 0));
    const tool = { dpkg: "dpkg-query", apk: "grep", rpm: "rpm" }[manager];
    requireTool(output, tool ?? "dpkg-query", "which packages there are");
    if (output.status === 77 && manager === "none")
      throw failedProbe("cannot list packages", "there is no database of packages: none of dpkg, of apk or of rpm");
    const read = readers[manager];
    const packages = output.status === 0 ? read?.(text.slice(end + 1)) : undefined;
    if (packages === undefined) throw unreadable(`the list of packages`, output);
    if (packages.length === 0) throw failedProbe("cannot list packages", `${manager} knows none`);
    return subjects.map(() => ({ manager: manager === "files" ? "dpkg" : manager, packages }));
  },
  async fromTree(tree, subjects) {
    const [known, apk] = await Promise.all([dpkgTexts(tree).then(ofDpkg), apkText(tree)]);
    const ofApk = readers["apk"]?.(apk ?? "") ?? [];
    const asked = known.length > 0 ? "dpkg" : ofApk.length > 0 ? "apk" : "rpm";
    const packages = { dpkg: known, apk: ofApk, rpm: asked === "rpm" ? ofRpm((await rpmInTree(tree)) ?? []) : [] }[
      asked
    ];
    if (packages.length === 0)
      throw failedProbe("cannot list packages", "there are none in a database of dpkg, of apk or of rpm");
    return subjects.map(() => ({ manager: asked, packages }));
  },
};

/** Keys that packages are signed with are listed as packages. */
function ofRpm(packages: readonly RpmPackage[]): readonly LicenceFacts[] {
  return packages
    .filter(({ name }) => name !== "gpg-pubkey")
    .map(({ name, licence }) => ({ package: name, text: licence }));
}

/** Of dpkg's own files: none of them says a licence. */
function ofDpkg(texts: readonly string[]): readonly LicenceFacts[] {
  const installed = [...packagesIn(texts)].filter(([name, { state }]) => !name.includes(":") && state === "installed");
  return installed.map(([name]) => ({ package: name, text: undefined }));
}

const readers: Readonly<Record<string, (text: string) => readonly LicenceFacts[] | undefined>> = {
  dpkg(text) {
    const lines = text.split("\n").filter(Boolean);
    const words = lines.map((line) => /^([a-z-]+) ([a-z0-9][a-z0-9+.-]+)$/.exec(line));
    if (words.includes(null)) return undefined;
    const names = words.flatMap((match) => (match?.[1] === "installed" ? [match[2] as string] : []));
    return [...new Set(names)].map((name) => ({ package: name, text: undefined }));
  },
  files: (text) => ofDpkg([text]),
  // Stanzas of apk-installed(5).
  apk(text) {
    const stanzas = text.split(/\n\n+/).filter((stanza) => stanza.trim() !== "");
    const found = stanzas.map((stanza) => ({
      name: /^P:(.+)$/m.exec(stanza)?.[1],
      licence: /^L:(.*)$/m.exec(stanza)?.[1],
    }));
    if (found.some(({ name }) => name === undefined)) return undefined;
    return found.map(({ name = "", licence }) => ({ package: name, text: licence }));
  },
  // Keys that packages are signed with are listed as packages.
  rpm(text) {
    const lines = text.split("\n").filter(Boolean);
    const words = lines.map((line) => /^([^\t]+)\t(.*)$/.exec(line));
    if (words.includes(null)) return undefined;
    return words.flatMap((match) => {
      const [, name = "", licence = ""] = match ?? [];
      return name === "gpg-pubkey" ? [] : [{ package: name, text: licence === "(none)" ? undefined : licence }];
    });
  },
};

/**
 * Licences of all installed packages.
 * @example await expect(soe).toMeet(all(licences().areTold(), licences({ except: ["studio-agent"] }).lack(/Affero/)));
 */
export function licences({ except = [] }: { readonly except?: readonly string[] } = {}) {
  const ask = about<Node, readonly LicenceFacts[]>({
    subject: `licences of packages${except.length === 0 ? "" : ` except ${except.join(", ")}`}`,
    command:
      "cat /usr/share/doc/*/copyright || rpm -qa --qf '%{NAME} %{LICENSE}\\n' || grep '^[PL]:' /lib/apk/db/installed",
    async observe(node) {
      const { manager, packages } = await node.observe(installedPackages, "packages");
      const counted = packages.filter((each) => !except.includes(each.package));
      if (manager !== "dpkg") return counted;
      return Promise.all(
        counted.map(async ({ package: name }) => {
          const seen = await node.observe(fileContents, `/usr/share/doc/${name}/copyright`);
          return { package: name, text: "nothing" in seen ? undefined : seen.bytes.toString("utf8") };
        }),
      );
    },
  });
  const say = (found: readonly LicenceFacts[]) =>
    found.length === 0
      ? "none"
      : `${found.length}: ${found
          .slice(0, 10)
          .map((each) => each.package)
          .join(", ")}${found.length > 10 ? ", …" : ""}`;
  return {
    /** Something is told of each package. */
    areTold: () =>
      ask("are told", (seen) => {
        const untold = seen.filter(({ text }) => text === undefined || text.trim() === "");
        return verdict(untold.length === 0, "none without", `without: ${say(untold)}`);
      }),
    /** None of these occurs in what is told, by name or pattern. A package of which nothing is told is not met: it may be any. */
    lack: (...unwanted: readonly [Wanted, ...Wanted[]]) =>
      ask(`lack ${unwanted.map(sayWanted).join(" and ")}`, (seen) => {
        const found = seen.filter(({ text }) => text === undefined || unwanted.some((each) => occurs(each, text)));
        return verdict(found.length === 0, "none", say(found));
      }),
  };
}
