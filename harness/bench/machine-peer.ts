// Decides how a machine that stands gets a peer by hand: the same image and XML, the labels of this run.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { LibvirtClient } from "../drivers/libvirt-client.ts";
import { label } from "../drivers/names.ts";
import { scratchOf, session } from "../vitest/session.ts";
import { MachineByHand } from "./machine-by-hand.ts";
import type { Stood } from "./machine-stand.ts";
import { machineKey, machineRecipe, machineUser } from "./machine-work.ts";

/** One like the `node` that stands, of `machineRecipe`. `end` it. */
export async function byHandLike({ directory }: Stood, node: string, client: LibvirtClient): Promise<MachineByHand> {
  const { settings: run, store, scope } = session();
  const { image } = await store.build(machineRecipe, { say: () => undefined });
  const place = join(directory, node);
  const xml = readFileSync(join(place, "domain.xml"), "utf8");
  const name = scope();
  return MachineByHand.begin({
    client,
    model: {
      xml,
      directory: place,
      network: /<source network="([^"]*)"/.exec(xml)?.[1] ?? "",
      mac: /<mac address="([^"]*)"/.exec(xml)?.[1] ?? "",
    },
    base: { path: image.disk?.path ?? "", initrd: image.disk?.initrd ?? "" },
    directory: join(scratchOf(run, name), "peer"),
    name: `assay-${run.run}-${name}-by-hand-peer`,
    labels: { [label.run]: run.run, [label.owner]: run.identity, [label.environment]: "by-hand" },
    key: join(run.project, machineKey),
    user: machineUser,
  });
}
