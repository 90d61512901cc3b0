// Makes a root file system into which rpm itself (Debian's package `rpm`) installed real packages, for tests of what is told of it at rest; rpm is asked
// about the same files. Needs root, as rpm goes into the root file system by chroot.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { noRpm } from "./rpm-database.ts";

/** Why packages cannot be installed here. */
export const noRpmRoot =
  noRpm ??
  (process.getuid?.() !== 0
    ? "rpm installs packages into another root file system for root alone"
    : ["setcap", "setfattr"].find((program) => spawnSync(program, ["-h"]).error !== undefined) === undefined
      ? undefined
      : "setcap or setfattr is not here (Debian's packages libcap2-bin and attr)");

/** Digests by their number in headers. */
export const kinds = { md5: 1, sha256: 8, sha512: 10 } as const;
export type Kind = keyof typeof kinds;

/** A file for each thing that may become of it, in /opt/KIND; `common` is of each kind, as another. */
const spec = (kind: Kind) => `Name: studio-${kind}
Version: 1
Release: 1
Summary: t
License: MIT
BuildArch: noarch
%define place %{buildroot}/opt/${kind}
%description
t
%package device
Summary: d
%description device
d
%package empty
Summary: e
%description empty
e
%install
mkdir -p %{place}/tree %{place}/tree-of-theirs %{place}/tree-gone %{buildroot}/usr/share/studio
cd %{place}
for name in same contents size mode setuid owner group named strange missing missing-ok config config-mode unpacked doc ghost ghost-gone \\
  ghost-owner unverified unmoded caps caps-gone caps-other caps-more becomes-link becomes-tree touched license; do
  echo $name is there >$name
done
ln -s same link; ln -s same link-kept; ln -s same link-owner; ln -s same becomes-file; ln same hard
echo manual >%{buildroot}/usr/share/studio/manual-${kind}
echo ${kind} >%{buildroot}/usr/share/studio/common; echo ${kind} >%{buildroot}/usr/share/studio/common-gone
echo both >both
%files
%dir /opt/${kind}
/usr/share/studio/common
/usr/share/studio/common-gone
%attr(0750,-,-) /opt/${kind}/tree
/opt/${kind}/tree-of-theirs
/opt/${kind}/tree-gone
${"same contents size mode owner group missing caps-more becomes-link becomes-tree touched link link-kept link-owner becomes-file hard"
  .split(" ")
  .map((name) => `/opt/${kind}/${name}`)
  .join("\n")}
%attr(4755,root,root) /opt/${kind}/setuid
%attr(6640,keeper,crew) /opt/${kind}/named
%attr(6755,nobodyknows,nobodyknows) /opt/${kind}/strange
%config(missingok) /opt/${kind}/missing-ok
%config /opt/${kind}/config
%config(noreplace) /opt/${kind}/config-mode
%config %doc /opt/${kind}/both
%doc /opt/${kind}/doc
%doc /usr/share/studio/manual-${kind}
%license /opt/${kind}/license
%artifact /opt/${kind}/unpacked
%ghost %attr(0600,-,-) /opt/${kind}/ghost
%ghost /opt/${kind}/ghost-gone
%ghost /opt/${kind}/ghost-owner
%verify(not md5 size mtime) /opt/${kind}/unverified
%verify(not mode caps) /opt/${kind}/unmoded
%caps(cap_net_raw=ep) /opt/${kind}/caps
%caps(cap_net_raw=ep) /opt/${kind}/caps-gone
%caps(cap_net_raw=ep) /opt/${kind}/caps-other
%files device
%dev(c,1,3) /opt/${kind}/null
%files empty
`;

/** What becomes of them, in the directory of one kind. What it does to times alone is no change. */
const changes = `echo CONTENTS is there >contents; echo more >>size; chmod 600 mode; chmod 755 setuid; chown 1234 owner; chgrp 2345 group; chown 1 named; chown 1234 strange
rm missing missing-ok unpacked; echo b=2 >config; chmod 600 config-mode; echo other >license; rm -f both; echo other >both; [ ! -e doc ] || echo other >doc
echo other >unverified; chmod 600 unmoded; setcap cap_chown=ep unmoded; setcap -r caps-gone; setcap cap_chown=ep caps-other; setcap cap_chown=ep caps-more
rm becomes-link; ln -s same becomes-link; rm becomes-tree; mkdir becomes-tree; rm becomes-file; echo same >becomes-file
ln -sfn contents link; chown -h 1234 link-owner; touch -d 2001-01-01 touched
echo x >ghost; chmod 644 ghost; echo x >ghost-owner; chown 1234 ghost-owner
mv tree tree.real; ln -s tree.real tree; chmod 700 tree.real
mv tree-of-theirs their.real; ln -s their.real tree-of-theirs; chown -h 1234 tree-of-theirs; rmdir tree-gone; ln -s nowhere tree-gone
`;

export class RpmRoot {
  readonly room = mkdtempSync(join(tmpdir(), "assay-rpm-root-"));
  readonly root = join(this.room, "root");
  /** rpm makes a database of its own in its home. */
  readonly #env = { HOME: this.room, PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" };

  constructor() {
    const build = join(this.room, "build");
    mkdirSync(join(this.root, "etc"), { recursive: true });
    mkdirSync(build);
    writeFileSync(join(this.root, "etc/passwd"), "root:x:0:0::/:/bin/sh\nkeeper:x:1234:2345::/:/bin/sh\n");
    writeFileSync(join(this.root, "etc/group"), "root:x:0:\ncrew:x:2345:\n");
    for (const [kind, number] of Object.entries(kinds) as [Kind, number][]) {
      const path = join(build, `${kind}.spec`);
      writeFileSync(path, spec(kind));
      const quiet = ["--define", "__os_install_post %{nil}", "--define", "debug_package %{nil}"];
      const digests = ["--define", "_build_id_links none", "--define", `_binary_filedigest_algorithm ${number}`];
      this.#run("rpmbuild", "-bb", "--quiet", "--define", `_topdir ${build}`, ...quiet, ...digests, path);
    }
    const made = join(build, "RPMS", "noarch");
    const all = readdirSync(made);
    const without = ["--nodeps", "--nosignature", "--force-debian", "--replacefiles"];
    // rpm 4.18 waits for ever where it installs a named pipe.
    for (const kind of Object.keys(kinds)) {
      const own = all.filter((name) => name.startsWith(`studio-${kind}-`)).map((name) => join(made, name));
      this.rpm("-i", ...without, ...(kind === "sha512" ? ["--excludedocs"] : []), ...own);
    }
  }

  change(): void {
    rmSync(join(this.root, "usr/share/studio/common-gone"));
    for (const kind of Object.keys(kinds))
      this.#run("sh", "-euc", `cd "$1"; ${changes}`, "sh", join(this.root, "opt", kind));
  }

  /** What rpm itself says. */
  verified(name: string): string {
    const place = ["--root", this.root, "--dbpath", "/var/lib/rpm"];
    const said = spawnSync("rpm", [...place, "-V", "--nodeps", "--noscripts", name], {
      encoding: "utf8",
      env: this.#env,
    });
    if (said.stderr !== "") throw new Error(said.stderr);
    return said.stdout;
  }

  /** A tar of all of it, with attributes. */
  layer(): Buffer {
    const attributes = ["--format=pax", "--xattrs", "--xattrs-include=*"];
    return execFileSync("tar", [...attributes, "-C", this.root, "-cf", "-", "."], { maxBuffer: 2 ** 28 });
  }

  /** Another database in the place of its own. */
  database(files: ReadonlyMap<string, Buffer>): void {
    const place = join(this.root, "var/lib/rpm");
    rmSync(place, { recursive: true });
    mkdirSync(place);
    for (const [name, content] of files) writeFileSync(join(place, name), content);
  }

  rpm(...words: readonly string[]): string {
    return this.#run("rpm", "--root", this.root, "--dbpath", "/var/lib/rpm", ...words);
  }

  remove(): void {
    rmSync(this.room, { recursive: true, force: true });
  }

  #run(program: string, ...words: readonly string[]): string {
    return execFileSync(program, words, { encoding: "utf8", stdio: "pipe", timeout: 60_000, env: this.#env });
  }
}
