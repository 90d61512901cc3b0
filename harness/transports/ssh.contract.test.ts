// Decides that ssh keeps the transport contract on OpenSSH's own server, and that its failures are told apart.
import { existsSync } from "node:fs";
import { userInfo } from "node:os";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { secret } from "../model/secret.ts";
import { transportContract } from "./contract.ts";
import { ShellTransport } from "./shell-transport.ts";
import { SshGuest } from "./ssh.ts";
import { fingerprint, makeKeyPair } from "./ssh-keys.ts";
import { tryLogin } from "./ssh-login.ts";
import { type PrivateSshd, privateSshd, sshdPath } from "./testing/private-sshd.ts";

const user = userInfo().username;
let server: PrivateSshd;
const guests: SshGuest[] = [];

if (!existsSync(sshdPath))
  test("the suite", ({ skip }) => skip(`${sshdPath} is not there: apt-get install openssh-server`));
else suite();

function suite(): void {
  beforeAll(async () => {
    server = await privateSshd();
  });
  afterAll(async () => {
    for (const guest of guests) guest.close();
    await server.stop();
  });

  function guestOf({ port, login, host }: Pick<PrivateSshd, "port" | "login" | "host">): SshGuest {
    const guest = new SshGuest({
      node: "contract/ssh",
      host: "127.0.0.1",
      port,
      user,
      privateKey: login.privateKey,
      hostKey: host.publicKey,
    });
    guests.push(guest);
    return guest;
  }

  transportContract("ssh", async () => new ShellTransport(guestOf(server)));

  describe("ssh", () => {
    test("another server's key is refused, with both fingerprints", async () => {
      const other = await makeKeyPair("another host key");
      const refused = new ShellTransport(guestOf({ ...server, host: other })).exec(["true"]);
      await expect(refused).rejects.toMatchObject({ name: "TransportError", code: "host-key-mismatch" });
      await expect(refused).rejects.toThrow(fingerprint(server.host.publicKey));
      await expect(refused).rejects.toThrow(fingerprint(other.publicKey));
    });

    test("a key that is not let in is not a machine that is not there", async () => {
      const stranger = await makeKeyPair("a stranger's key");
      await expect(guestOf({ ...server, login: stranger }).greeted()).rejects.toMatchObject({ code: "login-refused" });
      await expect(guestOf({ ...server, port: 1 }).greeted(AbortSignal.timeout(100))).rejects.toMatchObject({
        code: "unreachable",
      });
    });

    test("more channels than a connection is granted take more connections, and then their turn", async () => {
      const narrow = await privateSshd(["MaxSessions 2"]);
      const guest = guestOf(narrow);
      const transport = new ShellTransport(guest);
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, n) => transport.exec(["cat"], { stdin: `${n}` }).then(({ stdout }) => stdout)),
      );
      expect(answers).toEqual(Array.from({ length: 20 }, (_, n) => `${n}`));
      await transport.close();
      await narrow.stop();
    });

    test("what was under way when the server died is unknown, and the next command connects anew", async () => {
      const mortal = await privateSshd();
      const guest = guestOf(mortal);
      const transport = new ShellTransport(guest);
      const { bootId } = await guest.greeted();
      await transport.exec(["true"]);
      const running = transport.exec(["sleep", "300"]);
      await transport.exec(["true"]);
      await Promise.all([
        mortal.kill(),
        // Sessions have groups of their own and outlive their server: what is lost here is the connection.
        guest.lost(),
        expect(running).rejects.toMatchObject({ code: "shell-closed" }),
      ]);
      await mortal.start();
      expect((await guest.greeted()).bootId).toBe(bootId);
      expect((await transport.exec(["echo", "again"])).stdout).toBe("again\n");
      await transport.close();
      await mortal.stop();
    });
  });

  describe("a try to log in", () => {
    const place = () => ({ host: "127.0.0.1", port: server.port, user });

    test("says whether it was granted, what is offered, and whose server it was", async () => {
      const hostKey = fingerprint(server.host.publicKey);
      const offered = ["publickey"];
      expect(await tryLogin({ ...place(), privateKey: server.login.privateKey })).toEqual({
        granted: true,
        offered,
        hostKey,
      });
      expect(await tryLogin({ ...place(), password: secret("a password", "wrong-as-can-be") })).toEqual({
        granted: false,
        offered,
        hostKey,
      });
      const { privateKey } = await makeKeyPair("a stranger's other key");
      expect(await tryLogin({ ...place(), privateKey })).toMatchObject({ granted: false });
    });

    test("a server that cannot be asked is an error, not a refusal", async () => {
      const trial = { ...place(), privateKey: server.login.privateKey };
      await expect(tryLogin({ ...trial, port: 1 })).rejects.toMatchObject({ code: "unreachable" });
      const { publicKey } = await makeKeyPair("yet another host key");
      await expect(tryLogin({ ...trial, hostKey: publicKey })).rejects.toMatchObject({ code: "host-key-mismatch" });
      await expect(tryLogin({ ...trial, privateKey: secret("no key", "not a key at all") })).rejects.toMatchObject({
        code: "unusable-credential",
      });
    });
  });
}
