// The bash role in the virtual machine.
import { kvmSoe } from "../environments/kvm-soe.ts";
import { testIn } from "../harness/index.ts";
import { bashRole } from "./soe/bash.ts";

bashRole(testIn(kvmSoe));
