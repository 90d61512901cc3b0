// Decides which sentences can be said about a boot loader's configuration, and that what it would boot is there.
// Refuses to look at boot code on the disk: that a machine boots is shown by booting it.
import type { Check, Probe } from "../model/check.ts";
import { quoteWord } from "../model/check.ts";
import type { Node } from "../model/node.ts";
import {
  type BootConfig,
  type BootLoaderKind,
  configPaths,
  readBootConfig,
  releaseOf,
  whereIs,
} from "./boot-config.ts";
import { type FileStat, lookThrough } from "./file-stat.ts";
import { endFrame, readFrames } from "./frames.ts";
import { hasWord, isAtLeast } from "./kernel.ts";
import { about, verdict } from "./question.ts";
import { denied, failedProbe, missingTool, requireOpen, unreadable } from "./unanswered.ts";
import { sayWanted, type Wanted } from "./wanted.ts";

export interface BootFacts {
  readonly config: BootConfig | undefined;
  /** Kernel releases that have modules in /lib/modules. */
  readonly releases: readonly string[];
}

const canary = "assay looked";

/** Subject: always `boot`. Answer: the loader's configuration, `undefined` where none is known; and the kernels that are installed. */
export const bootFacts: Probe<"boot", BootFacts> = {
  name: "boot loader's configuration",
  // The first file is there for sure: a `cat` that does not give it gives nothing.
  script: () => `export LC_ALL=C
command -v cat >/dev/null || exit 127
${requireOpen("/boot/ /boot/grub /boot/grub2 /boot/extlinux /boot/syslinux /boot/loader /boot/loader/entries /boot/efi /boot/efi/loader /boot/efi/loader/entries /efi /efi/loader /efi/loader/entries")}
printf ${quoteWord(canary)} | cat; ${endFrame("canary")}
for file in ${Object.values(configPaths).flat().map(quoteWord).join(" ")} /boot/grub*/grubenv /boot/efi/loader/entries/*.conf /efi/loader/entries/*.conf /boot/loader/entries/*.conf; do
  [ -e "$file" ] || continue
  cat -- "$file"; ${endFrame('"$? $file"')}
done
for tree in /lib/modules/*/modules.dep; do
  [ -e "$tree" ] || continue
  ${endFrame('"modules $tree"')}
done
${endFrame("end")}`,
  parse(output, subjects) {
    if (output.status === 127) throw missingTool("cat", "a boot loader's configuration");
    if (output.status === 77) throw denied("cannot look for a boot loader's configuration", output.stderr.trim());
    const [first, ...frames] = readFrames("cat", output, output.stdout.toString("latin1").split("\0").length - 1);
    if (first?.bytes.toString("utf8") !== canary || frames.at(-1)?.words !== "end") throw unreadable("cat", output);
    if (/permission denied/i.test(output.stderr))
      throw denied("cannot read the boot loader's configuration", output.stderr.trim());
    const files = new Map<string, string>();
    const releases: string[] = [];
    for (const { bytes, words } of frames.slice(0, -1)) {
      const [word = "", path = ""] = words.split(/ (.*)/s);
      if (word === "modules") releases.push(path.split("/")[3] ?? "");
      else if (word !== "0") throw failedProbe(`cannot read ${path}`, output.stderr.trim() || `status ${word}`);
      else files.set(path, bytes.toString("utf8"));
    }
    return subjects.map(() => ({ config: readBootConfig(files), releases }));
  },
};

/** The configuration with the files that its default entry names, where they are. */
export interface BootFiles extends BootFacts {
  readonly found: readonly {
    readonly named: string;
    readonly path: string | undefined;
    readonly stat: FileStat | undefined;
  }[];
}

/** @example await expect(soe).toMeet(all(bootLoader().is("extlinux"), bootLoader().hasFilesOfDefaultEntry(), bootLoader().bootsInstalledKernel())); */
export function bootLoader() {
  const asked = {
    subject: "boot loader",
    command: "cat /boot/grub/grub.cfg /boot/extlinux/extlinux.conf /boot/efi/loader/loader.conf",
  };
  const ask = about<Node, BootFacts>({ ...asked, observe: (node) => node.observe(bootFacts, "boot") });
  const askFiles = about<Node, BootFiles>({ ...asked, command: `${asked.command}; ls -l /boot`, observe: locate });
  return {
    /** By the configuration that is there; `none` where no known one is. */
    is: (kind: BootLoaderKind | "none"): Check<Node, BootFacts> =>
      ask(`is ${kind}`, ({ config }) => verdict((config?.kind ?? "none") === kind, kind, sayConfig(config))),
    /** The kernel and each initrd that the default entry names are files, and not empty ones. */
    hasFilesOfDefaultEntry: (): Check<Node, BootFiles> =>
      askFiles("has the files of its default entry", ({ config, found }) => {
        const missing = found
          .filter(({ stat }) => !isThere(stat))
          .map(
            ({ named, stat }) =>
              `${named} is ${stat === undefined ? "not there" : stat.size === 0 ? "empty" : `a ${stat.type}`}`,
          );
        return verdict(
          config?.entry !== undefined && missing.length === 0,
          "kernel and initrd",
          missing.join("; ") || sayConfig(config),
        );
      }),
    /** The default entry's kernel has its modules in /lib/modules, its initrd is of the same kernel, and no newer kernel is installed. */
    bootsInstalledKernel: (): Check<Node, BootFiles> =>
      askFiles("boots the installed kernel", (seen) => judgeRelease(seen)),
    /** The default entry gives the kernel this argument: one of its words, or a pattern in one. */
    hasArgument: (wanted: Wanted): Check<Node, BootFacts> =>
      ask(
        `has argument ${typeof wanted === "string" ? wanted : sayWanted(wanted)} in its default entry`,
        ({ config }) =>
          verdict(
            config?.entry !== undefined && hasWord(wanted, config.entry.arguments),
            sayWanted(wanted),
            config?.entry?.arguments ?? sayConfig(config),
          ),
      ),
  };
}

/** Follows links: /vmlinuz is one on Debian, and its target has the release in its name. */
async function locate(node: Node): Promise<BootFiles> {
  const facts = await node.observe(bootFacts, "boot");
  const { config } = facts;
  if (config?.entry === undefined) return { ...facts, found: [] };
  const found = await Promise.all(
    [config.entry.kernel, ...config.entry.initrds].map(async (named) => {
      for (const path of whereIs(named, config)) {
        const { path: real, stat } = await lookThrough(node, path);
        if (stat !== undefined) return { named, path: real, stat };
      }
      return { named, path: undefined, stat: undefined };
    }),
  );
  return { ...facts, found };
}

/** What is said of the kernel that would be booted, given what is installed. */
export function judgeRelease({ config, releases, found }: BootFiles) {
  const [kernel, ...initrds] = found.map(({ path }) => (path === undefined ? undefined : releaseOf(path)));
  const newest = releases.reduce<string | undefined>(
    (best, each) => (best === undefined || isNewer(each, best) ? each : best),
    undefined,
  );
  const expected = newest === undefined ? "a kernel with its modules" : `kernel and initrd of ${newest}`;
  if (config?.entry === undefined || kernel === undefined)
    return verdict(
      false,
      expected,
      found.length > 0 && found[0]?.path === undefined ? `${found[0]?.named} is not there` : sayConfig(config),
    );
  const met = releases.includes(kernel) && kernel === newest && initrds.every((release) => release === kernel);
  const modules = releases.length === 0 ? "no modules are installed" : `modules of ${releases.join(", ")}`;
  return verdict(
    met,
    expected,
    `kernel ${kernel}${initrds.length === 0 ? ", no initrd" : `, initrd ${initrds.map((each) => each ?? "of an unknown kernel or not there").join(", ")}`}; ${modules}`,
  );
}

/** Numbers first, then the rest: `6.1.0-56` is newer than `6.1.0-9`. */
function isNewer(a: string, b: string): boolean {
  const version = (release: string) => (release.match(/\d+/g) ?? []).join(".");
  return version(a) !== version(b) ? isAtLeast(version(a), version(b)) : a > b;
}

function isThere(stat: FileStat | undefined): boolean {
  return stat?.type === "file" && stat.size > 0;
}

function sayConfig(config: BootConfig | undefined): string {
  if (config === undefined) return "none that is known";
  const { kind, path, entry } = config;
  return entry === undefined
    ? `${kind}, and ${path} has no default entry that can be understood`
    : `${kind}: ${entry.title} boots ${[entry.kernel, ...entry.initrds].join(" with ")}`;
}
