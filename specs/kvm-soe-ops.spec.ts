// The ops-user role in the virtual machine.
import { kvmSoe } from "../environments/kvm-soe.ts";
import { testIn } from "../harness/index.ts";
import { opsRole } from "./soe/ops.ts";

opsRole(testIn(kvmSoe));
