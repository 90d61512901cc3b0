// The studio's machines, all of one image, as many as there are desks; and a container among them.
import { soe, soeVm } from "../fixtures/vfx-studio-soe/recipe.ts";
import { container, defineEnvironment, vm } from "../harness/index.ts";

const number = (index: number) => String(index).padStart(3, "0");

/** A studio of so many: what each is called, its card and its address, as people would write them down, host `n` in row `n`. */
export const hostsOf = (count: number) => ({
  domain: "studio.example",
  subnet: `172.16.${count}.0/24`,
  nameServer: `172.16.${count}.1`,
  name: (index: number) => `vfx-dev-${number(index)}`,
  mac: (index: number) => `02:00:00:00:${10 + count}:${index.toString(16).padStart(2, "0")}`,
});

/** Their boots are asserted: they always boot. */
export function studioHosts(count: number) {
  const { domain, subnet, name, mac } = hostsOf(count);
  return defineEnvironment(`studio-hosts-${count}`, {
    networks: { studio: { subnet, domain } },
    nodes: {
      dev: vm({
        image: soeVm,
        count,
        name,
        hostname: name,
        memory: "256m",
        networks: { studio: { mac } },
        start: "boot",
      }),
      desk: container({ image: soe, idle: true, networks: ["studio"] }),
    },
  });
}
