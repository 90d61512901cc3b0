// What the virtual machine is once it has booted by itself.
import { kvmSoeBooted } from "../environments/kvm-soe.ts";
import { testIn } from "../harness/index.ts";
import { bootedMachine } from "./soe/machine.ts";

bootedMachine(testIn(kvmSoeBooted));
