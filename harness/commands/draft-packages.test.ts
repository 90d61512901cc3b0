import { expect, test } from "vitest";
import { chosenPackages, shortVersion } from "./draft-packages.ts";

const stanza = (name: string, fields: Readonly<Record<string, string>>) =>
  Object.entries({ Package: name, Status: "install ok installed", Priority: "optional", Version: "1.2.3-4", ...fields })
    .map(([field, value]) => `${field}: ${value}`)
    .join("\n");

test("of Debian: neither the system, nor what it stands on, nor what was pulled in, nor libraries in use", () => {
  const status = [
    stanza("bash", {
      Essential: "yes",
      Priority: "required",
      "Pre-Depends": "libc6 (>= 2.36), usrmerge | usr-is-merged",
    }),
    stanza("usrmerge", { Depends: "perl:any" }),
    stanza("perl", {}),
    stanza("libc6", { Section: "libs" }),
    stanza("procps", { Priority: "important", Depends: "libproc2-0" }),
    stanza("libproc2-0", { Section: "libs" }),
    stanza("libalone", { Section: "libs" }),
    stanza("python3", { Version: "3.11.2-1+b1", Description: "a language\n Version: 9 of a line that goes on" }),
    stanza("python3-minimal", {}),
    stanza("gone", { Status: "deinstall ok config-files" }),
  ].join("\n\n");
  const states = "Package: python3-minimal\nArchitecture: amd64\nAuto-Installed: 1\n";
  const texts = new Map([
    ["/var/lib/dpkg/status", `${status}\n`],
    ["/var/lib/apt/extended_states", states],
  ]);
  expect(chosenPackages(texts)).toEqual([
    { name: "libalone", version: "1.2.3-4" },
    { name: "procps", version: "1.2.3-4" },
    { name: "python3", version: "3.11.2-1+b1" },
  ]);
});

test("of a full Debian, whose important packages nobody picked", () => {
  const status = Array.from({ length: 20 }, (_, at) => stanza(`tool${at}`, { Priority: "important" })).join("\n\n");
  expect(chosenPackages(new Map([["/var/lib/dpkg/status", status]]))).toEqual([]);
});

test("of Alpine: the world file, without what each Alpine has", () => {
  const world = "alpine-baselayout\nbusybox\nnginx>1.24\nmyapp@edge\n";
  expect(chosenPackages(new Map([["/etc/apk/world", world]]))).toEqual([
    { name: "myapp", version: undefined },
    { name: "nginx", version: undefined },
  ]);
  expect(chosenPackages(new Map())).toEqual([]);
});

test.each([
  ["5.2.15-2+b7", "5.2"],
  ["1:9.2p1-2+deb12u3", "9.2"],
  ["20230311+deb12u1", undefined],
  ["3:20221126-1", undefined],
])("%s is %s in short", (version, short) => expect(shortVersion(version)).toBe(short));
