// Decides what every transport must do, as a suite that each runs for real. A new transport's own test is a few lines.
import { randomBytes } from "node:crypto";
import type { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Probe, quoteWord } from "../model/check.ts";
import { shell } from "../model/exec.ts";
import type { Transport } from "./transport.ts";

let scripts = 0;
const echo: Probe<string, string> = {
  name: "echo",
  script: (subjects) => {
    scripts += 1;
    return subjects.map((subject) => `printf '%s\\0' ${quoteWord(subject)}`).join("\n");
  },
  parse: ({ stdout }, subjects) => {
    const words = stdout.toString("utf8").split("\0");
    return subjects.map((subject, index) =>
      subject === "bad" ? new Error("this one is bad") : (words[index] ?? new Error("no answer")),
    );
  },
};

/** Says its port, sends one client back what that sends, and ends when that has. */
const echoServer: readonly [string, ...string[]] = [
  "perl",
  "-MIO::Socket::INET",
  "-e",
  `$| = 1; my $all = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1") or die; print $all->sockport, "\n";
my $one = $all->accept; close $all; while (sysread $one, my $data, 65536) { print $one $data; $one->flush }`,
];

async function collected(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Runs the contract against what `open` gives. The node needs a POSIX shell, perl, `cat`, `sleep`, `head` and `sha256sum`. */
export function transportContract(name: string, open: () => Promise<Transport>): void {
  describe(`${name} keeps the transport contract`, () => {
    let transport: Transport;
    beforeAll(async () => {
      transport = await open();
    });
    afterAll(() => transport.close());

    test("any exit status is an answer", async () => {
      for (const status of [0, 1, 2, 126, 255])
        expect((await transport.exec(shell(`exit ${status}`))).status).toBe(status);
      expect((await transport.exec(["no-such-program-anywhere"])).status).toBe(127);
    });

    test("a command that died of a signal says which", async () => {
      expect(await transport.exec(shell("kill -TERM $$"))).toMatchObject({ status: 143, signal: "SIGTERM" });
    });

    test("arguments arrive as they are", async () => {
      const hostile = [
        "",
        " ",
        "a b",
        "'",
        '"',
        "$HOME",
        "`id`",
        "\\",
        "*",
        "a\nb",
        "-n",
        "--",
        "é✓",
        "\u0001x\u0002",
        "$(kill $$)",
      ];
      const { stdout } = await transport.exec(["printf", "%s\\0", ...hostile]);
      expect(stdout.split("\0").slice(0, -1)).toEqual(hostile);
    });

    test("output streams stay apart, and binary output is kept to the byte, without a last newline", async () => {
      const bytes = randomBytes(100_000);
      const result = await transport.exec(shell("cat; printf oops >&2"), { stdin: bytes });
      expect(result.stdoutBytes.equals(bytes)).toBe(true);
      expect(result.stderr).toBe("oops");
      expect((await transport.exec(["printf", "%b", "\\0001\\0002\\0377\\0000x"])).stdoutBytes).toEqual(
        Buffer.from([1, 2, 255, 0, 120]),
      );
    });

    test("big output arrives whole", async () => {
      const { stdoutBytes } = await transport.exec(["head", "-c", "20000000", "/dev/zero"]);
      expect(stdoutBytes.length).toBe(20_000_000);
    });

    test("standard input is empty unless given, and a command need not read what is given", async () => {
      expect((await transport.exec(["cat"])).stdout).toBe("");
      expect((await transport.exec(["cat"], { stdin: "typed" })).stdout).toBe("typed");
      expect((await transport.exec(["true"], { stdin: randomBytes(2_000_000) })).status).toBe(0);
      expect((await transport.exec(shell("exit 3"), { stdin: "" })).status).toBe(3);
    });

    test("directory and variables are those asked for, and end with the command", async () => {
      const asked = { cwd: "/usr", env: { GREETING: "it's $me" } };
      for (const stdin of [undefined, "x"]) {
        const options = stdin === undefined ? asked : { ...asked, stdin };
        expect((await transport.exec(shell('printf "%s %s" "$PWD" "$GREETING"'), options)).stdout).toBe(
          "/usr it's $me",
        );
      }
      expect((await transport.exec(shell('printf "%s" "$GREETING"'))).stdout).toBe("");
    });

    test("many callers at once each get their own answer", async () => {
      const answers = await Promise.all(
        Array.from({ length: 60 }, (_, n) => transport.exec(shell(`echo out${n}; echo err${n} >&2; exit ${n}`))),
      );
      expect(answers.map(({ status, stdout, stderr }) => [status, stdout, stderr])).toEqual(
        Array.from({ length: 60 }, (_, n) => [n, `out${n}\n`, `err${n}\n`]),
      );
    });

    test("a slow command does not hold up the others", async () => {
      const order: string[] = [];
      const go = `/tmp/assay-contract-${randomBytes(6).toString("hex")}`; // this machine may run the suite twice at once
      const slow = transport
        .exec(shell(`while [ ! -e ${go} ]; do sleep 0.05; done; rm ${go}`))
        .then(() => order.push("slow"));
      await transport.exec(["true"]).then(() => order.push("quick"));
      await transport.exec(["touch", go]);
      await slow;
      expect(order).toEqual(["quick", "slow"]);
    });

    test.each([
      ["in the live shell", undefined],
      ["with standard input", "x"],
    ])("a deadline rejects, and kills the command with its children, %s", async (_, stdin) => {
      const mark = `3${Math.floor(Math.random() * 1e8)}`;
      // Whoever of them lives holds the lock. A killed process is gone when the kernel comes to it, which on a busy machine is later.
      const lock = `/tmp/assay-contract-${randomBytes(6).toString("hex")}`;
      const command = `exec 9>${lock}; flock 9; sleep ${mark} & sleep ${mark}; echo never`;
      const options = { timeoutMs: 300, ...(stdin === undefined ? {} : { stdin }) };
      await expect(transport.exec(shell(command), options)).rejects.toMatchObject({
        name: "TransportError",
        code: "deadline",
      });
      expect((await transport.exec(["flock", "--timeout", "20", lock, "rm", lock])).status).toBe(0);
      // One that had not begun at its deadline is killed when it has: after somebody else had the lock.
      const count = `cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' | grep -cx '[3]${mark.slice(1)}'`;
      const none = `for i in 1 2 3 4 5 6 7 8 9 10; do [ "$(${count})" = 0 ] && break; sleep 1; done; ${count}`;
      expect((await transport.exec(shell(none))).stdout.trim()).toBe("0");
    });

    test("an abort signal rejects", async () => {
      const abort = new AbortController();
      const running = transport.exec(["sleep", "300"], { signal: abort.signal });
      setImmediate(() => abort.abort());
      await expect(running).rejects.toMatchObject({ code: "aborted" });
    });

    test("a command that kills its shell is rejected, not sent again; the next command works", async () => {
      const file = `/tmp/assay-contract-${randomBytes(6).toString("hex")}`;
      await expect(transport.exec(shell(`echo once >> ${file}; kill -KILL $PPID; sleep 5`))).rejects.toMatchObject({
        name: "TransportError",
        code: "shell-closed",
      });
      const after = await transport.exec(["cat", file]);
      expect(after.stdout).toBe("once\n");
      await transport.exec(["rm", file]);
    });

    test("bad shell syntax is an exit status, and the shell goes on", async () => {
      expect((await transport.exec(shell("if then ("))).status).not.toBe(0);
      expect((await transport.exec(["true"])).status).toBe(0);
    });

    test("what is asked for in one tick travels as one script, and equal questions are asked once", async () => {
      scripts = 0;
      const words = ["a", "b'c", "a", "d\ne", ""];
      expect(await Promise.all(words.map((word) => transport.observe(echo, word)))).toEqual(words);
      expect(scripts).toBe(1);
    });

    test("a bad answer rejects its own question alone", async () => {
      const [good, bad] = await Promise.allSettled([transport.observe(echo, "good"), transport.observe(echo, "bad")]);
      expect(good).toMatchObject({ status: "fulfilled", value: "good" });
      expect(bad).toMatchObject({ status: "rejected", reason: { message: "this one is bad" } });
    });

    test("a command that keeps printing in the background does not spoil observations", async () => {
      await transport.exec(shell("(for i in 1 2 3 4 5 6 7 8 9; do echo noise; sleep 0.02; done) &"));
      const seen = await Promise.all(Array.from({ length: 5 }, (_, n) => transport.observe(echo, `w${n}`)));
      expect(seen).toEqual(["w0", "w1", "w2", "w3", "w4"]);
    });

    test("a dialled program has its streams apart, to the byte, and ends when its input does", async () => {
      const bytes = randomBytes(300_000);
      const channel = await transport.dial(["sh", "-c", "cat; printf over >&2; exit 5"]);
      const [out, err] = [collected(channel.stdout), collected(channel.stderr)];
      channel.stdin.end(bytes);
      expect((await out).equals(bytes)).toBe(true);
      expect((await err).toString()).toBe("over");
      expect(await channel.ended).toBe(5);
    });

    test("a dialled program talks while it runs", async () => {
      const channel = await transport.dial(["sh", "-c", 'while read -r word; do echo "<$word>"; done']);
      channel.stderr.resume();
      const said = channel.stdout.iterator({ destroyOnReturn: false });
      for (const word of ["one", "two", "three"]) {
        channel.stdin.write(`${word}\n`);
        expect(String((await said.next()).value)).toBe(`<${word}>\n`);
      }
      channel.stdin.end();
      expect((await said.next()).done).toBe(true);
      expect(await channel.ended).toBe(0);
    });

    test("a stream to a port passes bytes both ways, ends with either side, and says why there is none", async () => {
      const listener = await transport.dial(echoServer);
      listener.stderr.resume();
      const said = listener.stdout.iterator({ destroyOnReturn: false });
      const port = Number(String((await said.next()).value).trim());
      // It has ended when its streams have been read to their ends.
      await said.return?.();
      listener.stdout.resume();
      const stream = await transport.connect({ host: "127.0.0.1", port });
      const bytes = randomBytes(300_000);
      const back = collected(stream);
      stream.end(bytes);
      expect((await back).equals(bytes)).toBe(true);
      expect(await listener.ended).toBe(0);
      await expect(transport.connect({ host: "127.0.0.1", port })).rejects.toMatchObject({ code: "refused" });
      await expect(transport.connect({ host: "no-such-host.invalid", port })).rejects.toMatchObject({
        code: "unknown-host",
      });
    });

    test("what is dialled and destroyed takes nothing from others, however much it prints", async () => {
      for (let round = 0; round < 12; round += 1) {
        const channel = await transport.dial(["cat", "/dev/zero"]);
        channel.stdin.on("error", () => undefined);
        channel.stdout.on("error", () => undefined);
        channel.stderr.resume();
        await new Promise<void>((resolve) => channel.stdout.once("readable", () => resolve()));
        channel.destroy();
      }
      expect((await transport.exec(["cat"], { stdin: "still here" })).stdout).toBe("still here");
    });

    test("what is asked just as it is closed is rejected, and starts nothing", async () => {
      const other = await open();
      await other.exec(["true"]);
      const asked = expect(other.exec(["sleep", "300"])).rejects.toMatchObject({ code: "closed" });
      await other.close();
      await asked;
    });

    test("closed means closed", async () => {
      const other = await open();
      const running = other.exec(["sleep", "300"]);
      await other.exec(["true"]);
      await Promise.all([other.close(), expect(running).rejects.toMatchObject({ name: "TransportError" })]);
      await expect(other.exec(["true"])).rejects.toMatchObject({ code: "closed" });
      await other.close();
    });
  });
}
