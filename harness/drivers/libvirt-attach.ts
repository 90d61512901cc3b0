// Decides how one works by hand in a machine that is there: over its ports, as the harness does. Needs nothing in the guest; a
// terminal is made by `script`, where the guest has it. One such connection at a time: QEMU lets nobody else in.
import { readdirSync } from "node:fs";
import { quoteWord } from "../model/check.ts";
import { messageOf, ProvisionError } from "../model/errors.ts";
import { GuestPorts } from "../transports/guest-ports.ts";
import { type Attached, type Attaching, bestShell } from "./attach.ts";
import { portsIn } from "./libvirt-access.ts";

/** How long a guest that runs may take to answer; one that another process talks to never does. */
const greetingMs = 20_000;

/** `directory`: the machine's own. Rejects with a `ProvisionError` when its guest does not answer. */
export async function attachMachine(directory: string, attaching: Attaching): Promise<Attached> {
  const { title, user, command = bestShell, terminal } = attaching;
  const ports = new GuestPorts({ node: title, ...portsIn(directory, slotsIn(directory, title)) });
  let late: NodeJS.Timeout | undefined;
  try {
    await Promise.race([
      ports.greeted(),
      new Promise<never>((_, reject) => {
        late = setTimeout(() => reject(unanswered(title)), greetingMs);
      }),
    ]);
    const channel = await ports.open(terminal === undefined ? command : inTerminal(command, terminal), { user });
    const ended = channel.ended.finally(() => ports.close());
    const destroy = () => {
      channel.destroy();
      ports.close();
    };
    return {
      stdin: channel.stdin,
      stdout: channel.stdout,
      stderr: channel.stderr,
      ended,
      destroy,
      resize: async () => {},
    };
  } catch (error) {
    ports.close();
    throw error;
  } finally {
    clearTimeout(late);
  }
}

function slotsIn(directory: string, title: string): number {
  try {
    return readdirSync(directory).filter((name) => /^\d+i$/.test(name)).length;
  } catch (error) {
    throw new ProvisionError({
      code: "machine-gone",
      phase: "connect",
      node: title,
      seen: `the machine's sockets are not there: ${messageOf(error)}`,
      hint: "assay list shows what stands",
      cause: error,
    });
  }
}

function inTerminal(
  command: readonly string[],
  { columns, rows, name }: NonNullable<Attaching["terminal"]>,
): [string, ...string[]] {
  const sized = `stty rows ${rows} cols ${columns} 2>/dev/null; exec ${command.map(quoteWord).join(" ")}`;
  return [
    "/bin/sh",
    "-c",
    'export TERM="$2"; if command -v script >/dev/null 2>&1; then exec script --quiet --return --flush --command "$1" /dev/null; else exec /bin/sh -ic "$1"; fi',
    "sh",
    sized,
    name,
  ];
}

function unanswered(title: string): ProvisionError {
  return new ProvisionError({
    code: "no-answer",
    phase: "connect",
    node: title,
    seen: "the guest does not answer at its ports",
    hint: "somebody else may be connected to it: QEMU lets one in at a time; virsh console <domain> is another way",
  });
}
