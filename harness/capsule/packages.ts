// Decides how the packages of an image are written down, a line each, and what moved between two such lists. Pure.
// Source of the format: deb-control(5); the file is dpkg's /var/lib/dpkg/status.

/** `name version architecture` of each installed package of a dpkg status file, sorted; empty where there is none. */
export function packagesIn(status: string): string {
  const lines = status.split(/\n\n+/).flatMap((paragraph) => {
    const field = (name: string) => new RegExp(`^${name}: *(.*)$`, "m").exec(paragraph)?.[1];
    const [name, version] = [field("Package"), field("Version")];
    if (name === undefined || version === undefined || !/ installed$/.test(field("Status") ?? "")) return [];
    return [`${name} ${version} ${field("Architecture") ?? "all"}`];
  });
  return lines
    .sort()
    .map((line) => `${line}\n`)
    .join("");
}

/** One line a package that is another, is new or is gone: `curl 7.88.1-10 → 7.88.1-11`. */
export function movedPackages(before: string, now: string): string[] {
  const [was, is] = [byName(before), byName(now)];
  return [...new Set([...was.keys(), ...is.keys()])].sort().flatMap((name) => {
    const [old, current] = [was.get(name), is.get(name)];
    if (old === current) return [];
    if (old === undefined) return [`${name} ${current} is new`];
    return current === undefined ? [`${name} ${old} is gone`] : [`${name} ${old} → ${current}`];
  });
}

function byName(list: string): Map<string, string> {
  const lines = list.split("\n").filter((line) => line !== "");
  return new Map(
    lines.map((line) => {
      const [name = "", version = "", architecture = ""] = line.split(" ");
      return [`${name}:${architecture}`, version];
    }),
  );
}
