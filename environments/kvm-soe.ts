// The studio's standard operating environment as a virtual machine, and beside its container.
import { soeVm } from "../fixtures/vfx-studio-soe/recipe.ts";
import { defineEnvironment, defineParity, vm } from "../harness/index.ts";
import { dockerSoe } from "./docker-soe.ts";

/** One machine, as it boots by itself, on a network with a way out. */
export const kvmSoe = defineEnvironment("kvm-soe", {
  networks: { studio: {} },
  nodes: { soe: vm({ image: soeVm, memory: "256m", networks: { studio: { mac: "02:00:00:00:00:01" } } }) },
});

/** The same, whose boot is asserted: it always boots. */
export const kvmSoeBooted = defineEnvironment("kvm-soe-booted", {
  networks: { studio: {} },
  nodes: {
    soe: vm({ image: soeVm, memory: "256m", networks: { studio: { mac: "02:00:00:00:00:01" } }, start: "boot" }),
  },
});

/** Two machines of one image: nothing that must be one machine's alone may be in the image. What their boots make is asserted. */
export const kvmPair = defineEnvironment("kvm-pair", {
  nodes: { first: vm({ image: soeVm, start: "boot" }), second: vm({ image: soeVm, start: "boot" }) },
});

/** The same tree twice: what the studio is told of one image must hold for the other. */
export const soeParity = defineParity("soe", {
  environments: [dockerSoe, kvmSoe],
  specs: ["bash", "studio"],
});
