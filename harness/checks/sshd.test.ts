// Decides how `sshd -T` is read, and every sentence about the ssh server's configuration.
import { describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { DeclarationError, ObservationError } from "../model/errors.ts";
import { probeContract } from "./contract.ts";
import { framed } from "./frames.ts";
import { type SshdSettings, sshd, sshdSettings } from "./sshd.ts";

const output = (...frames: Parameters<typeof framed>[0]) => ({ stdout: framed(frames), stderr: "", status: 0 });

/** Lines of what OpenSSH 9.2 printed on a Debian 12 machine. */
const printed = `port 22
addressfamily any
listenaddress [::]:22
listenaddress 0.0.0.0:22
usepam yes
permitrootlogin without-password
passwordauthentication no
kbdinteractiveauthentication no
x11forwarding yes
ciphers chacha20-poly1305@openssh.com,aes128-ctr,aes256-gcm@openssh.com
authorizedkeysfile .ssh/authorized_keys .ssh/authorized_keys2
hostkey /etc/ssh/ssh_host_rsa_key
hostkey /etc/ssh/ssh_host_ed25519_key
acceptenv LANG
acceptenv LC_*
subsystem sftp /usr/lib/openssh/sftp-server
`;
const bad = `/etc/ssh/sshd_config.d/zz.conf: line 1: Bad configuration option: Foo
/etc/ssh/sshd_config.d/zz.conf: terminating, 1 bad configuration options
`;
const [general, refused] = sshdSettings.parse(output([printed, "0"], [bad, "255"]), [
  "",
  "user=a",
]) as readonly SshdSettings[];

describe("what sshd printed is read", () => {
  test("settings with all their values, and a configuration it refuses", () => {
    const values = (general as { values: ReadonlyMap<string, readonly string[]> }).values;
    expect(values.get("listenaddress")).toEqual(["[::]:22", "0.0.0.0:22"]);
    expect(values.get("subsystem")).toEqual(["sftp /usr/lib/openssh/sftp-server"]);
    expect(refused).toEqual({ refused: bad.trim() });
  });

  test.each([
    ["probe-failed", "sshd: no hostkeys available -- exiting.\n", "1"],
    ["probe-failed", "Missing privilege separation directory: /run/sshd\n", "255"],
    ["probe-failed", "", "3"],
    ["probe-denied", "/etc/ssh/sshd_config: Permission denied\n", "255"],
    ["probe-missing", "sh: /usr/sbin/sshd: not found\n", "127"],
    ["probe-unreadable", "nonsense: is all it says\n", "0"],
    ["probe-unreadable", "", "0"],
  ])("%s, of %j", (code, text, status) => {
    const [answer] = sshdSettings.parse(output([text, status]), [""]);
    expect(answer).toBeInstanceOf(ObservationError);
    expect(answer).toMatchObject({ code });
  });
});

probeContract(hostNode, { probe: sshdSettings, subject: "", tools: ["sshd"], elsewhere: "an ssh server" });

test("judges", () => {
  const is = (name: string, ...values: [string, ...string[]]) =>
    sshd()
      .setting(name)
      .is(...values)
      .judge(general as SshdSettings);
  const has = (name: string, value: string | RegExp) =>
    sshd()
      .setting(name)
      .includes(value)
      .judge(general as SshdSettings);
  expect(is("PasswordAuthentication", "no")).toMatchObject({ met: true });
  expect(is("passwordauthentication", "yes")).toMatchObject({ met: false, expected: "yes", seen: "no" });
  expect(is("PermitRootLogin", "prohibit-password")).toMatchObject({ met: true });
  expect(is("PermitRootLogin", "no")).toMatchObject({ met: false, seen: "without-password" });
  expect(is("AcceptEnv", "LANG", "LC_*")).toMatchObject({ met: true });
  expect(is("AcceptEnv", "LANG")).toMatchObject({ met: false, seen: "LANG, LC_*" });
  expect(is("NoSuch", "x")).toMatchObject({ met: false, seen: "sshd knows no such setting" });
  expect(has("ciphers", "aes128-ctr")).toMatchObject({ met: true });
  expect(has("ciphers", /cbc/)).toMatchObject({ met: false });
  expect(has("hostkey", "/etc/ssh/ssh_host_rsa_key")).toMatchObject({ met: true });
  expect(has("authorizedkeysfile", ".ssh/authorized_keys2")).toMatchObject({ met: true });
  expect(
    sshd()
      .isValid()
      .judge(general as SshdSettings),
  ).toMatchObject({ met: true });
  expect(
    sshd()
      .isValid()
      .judge(refused as SshdSettings),
  ).toMatchObject({ met: false, seen: bad.trim() });
  expect(
    sshd()
      .setting("port")
      .is("22")
      .judge(refused as SshdSettings),
  ).toMatchObject({
    met: false,
    seen: expect.stringContaining("refuses its configuration"),
  });
});

test("a connection is named, with what Match blocks may ask for", () => {
  const check = sshd({ user: "ops", addr: "10.0.0.7" }).setting("X11Forwarding").is("no");
  expect(check.title).toBe("sshd for ops setting X11Forwarding is no");
  expect(check.command).toBe("sshd -T -C user=ops,host=localhost,addr=10.0.0.7");
  expect(() => sshd({ user: "a,b" })).toThrow(DeclarationError);
  expect(() => sshd().setting("Password Authentication")).toThrow(DeclarationError);
});
