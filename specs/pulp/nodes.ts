// The nodes of the stack, whichever broker is in it.
import type { ContainerNode, Node, TestsOn } from "../../harness/index.ts";

export interface PulpNodes {
  readonly syslog: ContainerNode;
  readonly database: ContainerNode;
  readonly broker: ContainerNode;
  readonly content: ContainerNode;
  readonly beat: ContainerNode;
  readonly manager: ContainerNode;
  readonly worker: ContainerNode;
  readonly web: ContainerNode;
  readonly host: Node;
}

export type PulpTests = TestsOn<PulpNodes>;

/** Where the web server is published. */
export function webOf(web: ContainerNode): string {
  const { host, port } = web.port(80);
  return `http://${host}:${port}`;
}
