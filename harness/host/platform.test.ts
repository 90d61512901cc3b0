// What the kernel says of its interpreters decides whether containers of another architecture are skipped, and why.
import { expect, test } from "vitest";
import { whyForeign } from "./platform.ts";

/** As Debian's qemu-user-static has it, on an x86. */
const aarch64 = `enabled
interpreter /usr/libexec/qemu-binfmt/aarch64-binfmt-P
flags: POCF
offset 0
magic 7f454c460201010000000000000000000200b700
`;

test.each([
  ["its own", "linux/amd64", "", undefined],
  ["32 bits of its own", "linux/386", "", undefined],
  ["another, fixed", "linux/arm64", aarch64, undefined],
  ["another with a variant", "linux/arm64/v8", aarch64, undefined],
  ["another, not there", "linux/arm64", "", /no aarch64.*qemu-user-static/],
  ["another, disabled", "linux/arm64", aarch64.replace("enabled", "disabled"), /no enabled interpreter/],
  ["another, not fixed", "linux/arm64", aarch64.replace("POCF", "POC"), /flag F/],
  ["none that is known", "linux/sparc", aarch64, /nothing is known/],
])("%s: %s", (_, platform, text, why) => {
  const said = whyForeign(platform, "x64", () => new Map(text === "" ? [] : [["qemu-aarch64", text]]));
  if (why === undefined) expect(said).toBeUndefined();
  else expect(said).toMatch(why);
});
