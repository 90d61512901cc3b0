// Decides that what is no REST interface is told as what it is, once, also where the stream to it is a program's, as it is of a container.
import { expect, test } from "vitest";
import { hostNode, type ShellNode } from "../drivers/shell-node.ts";
import type { Node } from "../model/node.ts";
import { asSocket, streamOf } from "../transports/tunnel.ts";
import { restAnswer } from "./service-http.ts";

/** The host, whose streams are a program's that answers so. */
function answering(said: string): Node {
  const node = hostNode() as ShellNode & Node;
  const program = ["sh", "-c", `head -c 4 >/dev/null; printf '${said}'; sleep 0.2`] as const;
  return Object.assign(node, { connect: async () => asSocket(streamOf(await node.dial([...program]))) });
}

test.each([
  ["another protocol", "garbage\\n", "other-protocol", /port 1 is no HTTP server/],
  ["an alert of TLS", "\\025\\003\\003\\000\\002\\002\\106", "tls-wanted", /port 1 speaks TLS/],
])("%s", async (_, said, code, seen) => {
  const node = answering(said);
  await expect(restAnswer(node, { port: 1 }, "/")).rejects.toMatchObject({ code, seen: expect.stringMatching(seen) });
  // A second error, which nobody hears, would end this process.
  await new Promise((resolve) => setTimeout(resolve, 50));
});
