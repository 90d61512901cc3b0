// Decides which sentences can be said about packages, as the database of dpkg, rpm or apk has them, whichever is there.
import type { Node } from "../model/node.ts";
import { type PackageFacts, packageFacts, packageSubject } from "./package-facts.ts";
import { type PackageSources, packageSources } from "./package-source.ts";
import { type ModifiedFile, modifiedFiles } from "./package-verify.ts";
import { about, requireSubject, verdict } from "./question.ts";
import { type PackageManager, versionOrder } from "./version-order.ts";
import { isInRange, versionRange } from "./version-range.ts";
import { occurs, sayWanted, type Wanted } from "./wanted.ts";

export type { PackageFacts } from "./package-facts.ts";

export interface PackageOptions {
  /** Which packager is asked. Default: the one whose database is there; of several dpkg's, then apk's. */
  readonly by?: PackageManager;
}

const commands: Readonly<Record<PackageManager, (name: string) => string>> = {
  dpkg: (name) => `dpkg-query -W -f '\${db:Status-Status} \${Version}\\n' ${name}`,
  rpm: (name) => `rpm -q ${name}`,
  apk: (name) => `apk info -e -v ${name}`,
};

/**
 * A package of the system: Debian's, rpm's or Alpine's. On a node without a database of packages the checks reject.
 * @example await expect(soe).toMeet(all(pkg("bash").hasVersion("5.2"), pkg("openssl").hasVersionIn(">=3.0.11 <4")));
 * @example await expect(soe).not.toMeet(pkg("telnetd").isInstalled());
 */
export function pkg(name: string, { by }: PackageOptions = {}) {
  requireSubject(
    /^[A-Za-z0-9][A-Za-z0-9+._-]+(:[a-z0-9_-]+)?$/.test(name),
    `"${name}" is not a package's name`,
    "use letters, digits, + - . _ and no wildcards",
  );
  const subject = packageSubject(name, by);
  const title = `package ${name}`;
  const ask = about<Node, PackageFacts | undefined>({
    subject: title,
    command: commands[by ?? "dpkg"](name),
    observe: (node) => node.observe(packageFacts, subject),
  });
  return {
    /** Fully installed: unpacked, configured, no mere rest of configuration files. */
    isInstalled: () =>
      ask("is installed", (seen) => verdict(seen?.state === "installed", "installed", sayPackage(seen))),
    /**
     * Installed with this version, whole or as its beginning at the end of a number: `5.2` is met by `5.2.15-2` and not by
     * `5.20-1`. An epoch counts only where the wanted version has one. A pattern is searched in the whole version.
     */
    hasVersion: (wanted: Wanted) =>
      ask(`has version ${wanted}`, (seen) =>
        verdict(
          seen?.state === "installed" && versionMatches(wanted, seen.version),
          `version ${wanted}`,
          sayPackage(seen),
        ),
      ),
    /**
     * Installed with a version in this range, by its packager's own order: `>=`, `>`, `<=`, `<`, `=`, `!=` that all hold; lists
     * parted by `||`, of which one holds. By Debian's order `6~rc1` is below `6` and `1.2-1` above `1.2`; rpm ignores a release
     * that one side lacks. An epoch counts only where the wanted version has one.
     * @example pkg("openssh-server").hasVersionIn(">=9.2p1-2+deb12u3 <10")
     */
    hasVersionIn(range: string) {
      const read = versionRange(range);
      return ask(`has version in ${range}`, (seen) =>
        verdict(
          seen?.state === "installed" && isInRange(seen.version, read, versionOrder[seen.manager ?? "dpkg"]),
          `version in ${range}`,
          sayPackage(seen),
        ),
      );
    },
    /** @example pkg("libc6:i386").hasArchitecture("i386") */
    hasArchitecture: (wanted: string) =>
      ask(`has architecture ${wanted}`, (seen) =>
        verdict(seen?.state === "installed" && seen.architecture === wanted, wanted, sayArchitecture(seen)),
      ),
    /**
     * The installed version is one that this source offers, as the packager tells it in a line: of apt
     * `http://deb.debian.org/debian bookworm/main amd64 Packages, release o=Debian,a=oldstable,n=bookworm,…`; of rpm
     * `vendor Fedora Project, packager …`; of apk a repository's URL. An image whose apt lists were removed cannot say: the
     * check rejects.
     * @example pkg("bash").comesFrom("o=Debian")
     */
    comesFrom: (wanted: Wanted) =>
      about<Node, PackageSources | undefined>({
        subject: title,
        command: by === "rpm" ? `rpm -qi ${name}` : by === "apk" ? `apk policy ${name}` : `apt-cache policy ${name}`,
        observe: (node) => node.observe(packageSources, subject),
      })(`comes from ${sayWanted(wanted)}`, (seen) =>
        verdict(
          seen?.some((line) => occurs(wanted, line)) === true,
          sayWanted(wanted),
          seen === undefined ? "it is not installed" : seen.join("; ") || "no source offers this version",
        ),
      ),
    /**
     * All its files are as it brought them, by the packager's own sums (`dpkg --verify`, `rpm -V`, apk's database): contents, and of
     * rpm mode, owner, capabilities and more. Files that it calls configuration (of apk, those in /etc) may differ, unless `configuration` says that
     * they may not. Documentation that the image's dpkg never unpacks is not missed.
     * @example await expect(soe).toMeet(pkg("sudo").isUnmodified({ configuration: true, except: [/^\/usr\/share\/doc\//] }));
     */
    isUnmodified: ({
      configuration = false,
      except = [],
    }: {
      readonly configuration?: boolean;
      readonly except?: readonly RegExp[];
    } = {}) =>
      about<Node, readonly ModifiedFile[] | undefined>({
        subject: title,
        command: by === "rpm" ? `rpm -V ${name}` : by === "apk" ? "apk audit" : `dpkg --verify ${name}`,
        observe: (node) => node.observe(modifiedFiles, subject),
      })(`is unmodified${configuration ? ", configuration too" : ""}`, (seen) => {
        const counted = seen?.filter(
          (file) => (configuration || !file.configuration) && !except.some((pattern) => occurs(pattern, file.path)),
        );
        return verdict(
          counted?.length === 0,
          "all files as it brought them",
          counted === undefined ? "it is not installed" : sayModified(counted),
        );
      }),
  };
}

/** @example versionMatches("9.2", "1:9.2p1-2+deb12u3") // true */
export function versionMatches(wanted: Wanted, version: string): boolean {
  if (typeof wanted !== "string") return occurs(wanted, version);
  const compared = wanted.includes(":") ? version : version.replace(/^\d+:/, "");
  if (!compared.startsWith(wanted)) return false;
  const next = compared.slice(wanted.length, wanted.length + 1);
  return !(/\d$/.test(wanted) && /^\d/.test(next));
}

function sayPackage(seen: PackageFacts | undefined): string {
  return seen === undefined
    ? "the packager does not know it"
    : `${seen.state}${seen.version === "" ? "" : `, ${seen.version}`}`;
}

function sayArchitecture(seen: PackageFacts | undefined): string {
  return seen === undefined ? sayPackage(seen) : `${seen.state}, ${seen.architecture}`;
}

function sayModified(files: readonly ModifiedFile[]): string {
  const most = 5;
  const told = files.slice(0, most).map(({ path, what }) => `${path} (${what.join(", ")})`);
  return files.length === 0
    ? "nothing differs"
    : `${told.join("; ")}${files.length > most ? `; ${files.length - most} more` : ""}`;
}
