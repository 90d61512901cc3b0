// Makes real packages and real databases of rpm for tests, by rpm itself (Debian's package `rpm`), and asks it what is in them: its word is what
// ours is held against. Of the formats that Debian's rpm does not write, Berkeley DB's is made by that library's own loader (`db-util`) and read by
// rpm; ndb's is laid out here as rpm's source has it, of the same headers, and rpm is asked about those.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { deflateSync } from "node:zlib";

export type RpmFormat = "sqlite" | "ndb" | "bdb";
/** Each format's main file. */
export const rpmFile = { sqlite: "rpmdb.sqlite", ndb: "Packages.db", bdb: "Packages" } as const;
const backends = { sqlite: "sqlite", bdb: "bdb_ro" } as const;

const there = (program: string) => spawnSync(program, ["--version"]).error === undefined;
/** Why databases cannot be made here. */
export const noRpm =
  there("rpm") && there("rpmbuild") ? undefined : "rpm is not here (Debian's package rpm), which makes databases";
export const noBdb =
  noRpm ??
  (spawnSync("db_load", ["-V"]).error === undefined ? undefined : "db_load is not here (Debian's package db-util)");

/** One source: several packages, so that `rpmbuild` runs once. `lib` has `files` further files, so that its header needs several pages. */
const studio = (version: string, files: number) => `Name: studio-tool
Version: ${version}
Release: 3.el9
Epoch: 2
Summary: t
License: MIT
Vendor: Studio
%description
t
%package -n studio-lib
Summary: l
License: LGPL-2.1-or-later
%description -n studio-lib
l
%package -n kernel-core
Version: ${version}
Epoch: 0
Summary: k
License: GPL-2.0-only
%description -n kernel-core
k
%install
mkdir -p %{buildroot}/usr/bin %{buildroot}/etc %{buildroot}/usr/lib/studio %{buildroot}/var/log %{buildroot}/boot
echo tool >%{buildroot}/usr/bin/studio-tool
echo a=1 >%{buildroot}/etc/studio.conf
echo >%{buildroot}/var/log/studio.log
echo kernel >%{buildroot}/boot/vmlinuz-${version}
for n in $(seq ${files}); do echo $n >%{buildroot}/usr/lib/studio/part-$n; done
%files
/usr/bin/studio-tool
%config(noreplace) /etc/studio.conf
%ghost /var/log/studio.log
%files -n studio-lib
/usr/lib/studio
%files -n kernel-core
/boot/vmlinuz-${version}
`;

export class RpmLab {
  readonly room = mkdtempSync(join(tmpdir(), "assay-rpm-lab-"));
  #made = 0;
  /** Databases that rpm can be asked of, by those of the same headers that it cannot. */
  readonly #alike = new Map<string, string>();

  /** Files of packages, by name and version: `studio-tool`, `studio-lib`, `kernel-core`. */
  build(version: string, files = 200): ReadonlyMap<string, string> {
    const top = join(this.room, `build-${version}`);
    mkdirSync(top);
    writeFileSync(join(top, "studio.spec"), studio(version, files));
    const quiet = ["--define", "__os_install_post %{nil}", "--define", "debug_package %{nil}"];
    const target = ["--target", "x86_64-linux", "--define", `_topdir ${top}`, "--define", "_build_id_links none"];
    execFileSync("rpmbuild", ["-bb", "--quiet", ...target, ...quiet, join(top, "studio.spec")], { stdio: "pipe" });
    const made = join(top, "RPMS", "x86_64");
    return new Map(readdirSync(made).map((name) => [name.slice(0, name.indexOf(`-${version}`)), join(made, name)]));
  }

  /** A directory with a database in which these are installed, none of their files written. */
  database(format: RpmFormat, packages: readonly string[], keys: readonly string[] = []): string {
    this.#made += 1;
    const directory = join(this.room, `${format}-${this.#made}`);
    mkdirSync(directory);
    if (format !== "sqlite") {
      const from = this.database("sqlite", packages, keys);
      inFormat(format, from, directory);
      if (format === "ndb") this.#alike.set(directory, from);
      return directory;
    }
    rpm(directory, format, "--initdb");
    for (const key of keys) rpm(directory, format, "--import", key);
    const without = ["--nodeps", "--nosignature", "--ignorearch", "--ignoreos", "--force-debian"];
    // One after the other: several versions of one package are there together.
    for (const each of packages) rpm(directory, format, "-i", "--justdb", "--force", ...without, each);
    return directory;
  }

  /** Lines of `rpm -qa` in byte order. */
  asked(directory: string, format: RpmFormat, query: string): readonly string[] {
    const alike = this.#alike.get(directory);
    const [place, kind] =
      alike === undefined ? ([directory, format === "bdb" ? format : "sqlite"] as const) : ([alike, "sqlite"] as const);
    return rpm(place, kind, "-qa", "--qf", `${query}\\n`)
      .split("\n")
      .filter((line) => line !== "")
      .sort();
  }

  remove(): void {
    rmSync(this.room, { recursive: true, force: true });
  }
}

/** Writes what SQLite's database in one directory has into another, in another format. */
export function inFormat(format: Exclude<RpmFormat, "sqlite">, from: string, directory: string): void {
  const headers = headersOf(from);
  if (format === "bdb") loadBdb(join(directory, rpmFile.bdb), headers);
  else writeFileSync(join(directory, rpmFile.ndb), ndbOf(headers));
}

type Headers = readonly (readonly [number: number, header: Buffer])[];

function headersOf(directory: string): Headers {
  const database = new DatabaseSync(join(directory, rpmFile.sqlite));
  const rows = database.prepare("SELECT hnum, blob FROM Packages").all();
  database.close();
  return rows.map(({ hnum, blob }) => [Number(hnum), Buffer.from(blob as Uint8Array)]);
}

/** With the record of number 0, which counts them. */
function loadBdb(path: string, headers: Headers): void {
  const number = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return bytes.toString("hex");
  };
  const records = [
    [number(0), number(headers.length)],
    ...headers.map(([at, blob]) => [number(at), blob.toString("hex")]),
  ];
  const text = records.map(([key, value]) => ` ${key}\n ${value}\n`).join("");
  execFileSync("db_load", [path], {
    input: `VERSION=3\nformat=bytevalue\ntype=hash\ndb_pagesize=4096\nHEADER=END\n${text}DATA=END\n`,
  });
}

/** `lib/backend/ndb/rpmpkg.c` of rpm. A package between the first two was removed: its slot is free, its blocks are zero. */
function ndbOf(headers: Headers): Buffer {
  const slots = Buffer.alloc(4096);
  for (let at = 32; at < slots.length; at += 16) slots.write("Slot", at);
  slots.write("RpmP");
  for (const [at, value] of [1, 1 + headers.length].entries()) slots.writeUInt32LE(value, 12 + 4 * at);
  let [slot, end] = [32, slots.length];
  const records = headers.flatMap(([number, header], index) => {
    const record = Buffer.alloc(Math.ceil((16 + header.length + 12) / 16) * 16);
    record.write("BlbS");
    for (const [at, value] of [number, 1_700_000_000, header.length].entries()) record.writeUInt32LE(value, 4 + 4 * at);
    header.copy(record, 16);
    const tail = record.length - 12;
    // zlib's own sum stands at the end of what it writes.
    record.writeUInt32LE(deflateSync(record.subarray(0, tail)).subarray(-4).readUInt32BE(), tail);
    record.writeUInt32LE(header.length, tail + 4);
    record.write("BlbE", tail + 8);
    const gap = Buffer.alloc(index === 1 ? 4096 : 0);
    for (const [at, value] of [number, (end + gap.length) / 16, record.length / 16].entries())
      slots.writeUInt32LE(value, slot + 4 + 4 * at);
    slot += index === 1 ? 32 : 16;
    end += gap.length + record.length;
    return [gap, record];
  });
  return Buffer.concat([slots, ...records]);
}

function rpm(directory: string, format: keyof typeof backends, ...words: readonly string[]): string {
  const place = ["--dbpath", directory, "--define", `_db_backend ${backends[format]}`];
  return execFileSync("rpm", [...place, ...words], {
    encoding: "utf8",
    stdio: "pipe",
    env: { HOME: directory, PATH: "/usr/bin:/bin" },
  });
}

/** All files of a database. */
export function filesOf(directory: string): ReadonlyMap<string, Buffer> {
  const names = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(names.map(({ name }) => [name, readFileSync(join(directory, name))]));
}
