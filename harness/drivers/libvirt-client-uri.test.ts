// Decides that a URI is understood, or refused with what was probably meant, before anything connects.
import { expect, test } from "vitest";
import { refusal } from "../model/testing/refusal.ts";
import { readUri } from "./libvirt-client-uri.ts";

test.each([
  ["qemu:///system", { remote: false, session: false, ssh: undefined }],
  ["qemu:///session", { remote: false, session: true, ssh: undefined }],
  ["qemu+unix:///system?socket=/run/x/libvirt-sock", { remote: false, session: false, ssh: undefined }],
  ["qemu+ssh://root@vmhost:2222/system?keyfile=/k&no_tty=1", { remote: true, session: false, ssh: "root@vmhost:2222" }],
  ["qemu+libssh2://vmhost/session?known_hosts=/h&sshauth=privkey", { remote: true, session: true, ssh: "vmhost" }],
  ["qemu+tls://vmhost/system?pkipath=/p", { remote: true, session: false, ssh: undefined }],
])("%s is understood", (text, expected) => expect(readUri(text)).toEqual({ text, ...expected }));

test("without one it is the system's for root, the session's for others", () => {
  expect(readUri(undefined).text).toBe(process.getuid?.() === 0 ? "qemu:///system" : "qemu:///session");
});

test.each([
  ["", "is no libvirt URI", "three slashes"],
  ["qemu:/system", "is no libvirt URI", "three slashes"],
  ["qemu://system", "is neither /system nor /session", "/system"],
  ["qemu:///systm", '"/systm"', 'did you mean "/system"?'],
  ["qemu:///", '"/"', "/session"],
  ["xen:///system", '"xen" is not driven', "qemu:///system"],
  ["qemu+shh://h/system", '"shh" is no transport', 'did you mean "ssh"?'],
  ["qemu+ssh:///system", "needs a host", "qemu+ssh://user@host/system"],
  ["qemu://h/system", "means TLS", "qemu+ssh://h/system"],
  ["qemu+unix://h/system", "no host", "qemu+unix:///system"],
  ["qemu+ssh://h/system?keyfil=/k", '"keyfil" is no parameter', 'did you mean "keyfile"?'],
  ["qemu+ssh://h/system?known_hosts=/k", 'ignores "known_hosts"', "qemu+libssh2"],
  ["qemu:///system?keyfile=/k", 'ignores "keyfile"', "qemu+ssh"],
])("%s is refused: %s", (text, seen, hint) => {
  const thrown = refusal(() => readUri(text));
  expect(thrown).toMatchObject({ code: "bad-uri", seen: expect.stringContaining(seen) });
  expect(thrown.hint).toContain(hint);
});
