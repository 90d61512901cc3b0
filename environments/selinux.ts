// A machine that enforces SELinux, and containers on its engine that keep data in directories of the machine, each in its way.
import { soeSelinux } from "../fixtures/selinux-machine/recipe.ts";
import { soe } from "../fixtures/vfx-studio-soe/recipe.ts";
import { type ContainerOptions, container, defineEnvironment, scratch, vm } from "../harness/index.ts";

/** As the database runs: by ids that nobody has a name for. */
const mongo = { user: "184:998", on: "machine" };
const data = { owner: { uid: 184, gid: 998 }, mode: 0o755 };

const machine = () => vm({ image: soeSelinux, memory: "512m", vcpus: 2 });
const database = (options: Pick<ContainerOptions, "mounts" | "volumesFrom">) =>
  container({ image: soe, idle: true, ...mongo, ...options });

/** The machine alone. */
export const selinuxMachine = defineEnvironment("selinux-machine", { nodes: { machine: machine() } });

/** Nothing is relabelled by the engine: `plain` has a directory as root makes it, and `successor` what `plain` left. */
export const selinuxLabels = defineEnvironment("selinux-labels", {
  nodes: {
    machine: machine(),
    plain: database({ mounts: { "/data/db": scratch() } }),
    successor: database({ volumesFrom: ["plain"] }),
    // The engine relabels: to one container alone, or to all of them.
    own: database({ mounts: { "/data/db": scratch({ ...data, selinux: "Z" }) } }),
    stranger: database({ volumesFrom: ["own"] }),
    shared: database({ mounts: { "/data/db": scratch({ ...data, selinux: "z" }) } }),
    partner: database({ volumesFrom: ["shared"] }),
  },
});
