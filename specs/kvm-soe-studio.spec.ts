// The studio role in the virtual machine.
import { kvmSoe } from "../environments/kvm-soe.ts";
import { testIn } from "../harness/index.ts";
import { studioRole } from "./soe/studio.ts";

studioRole(testIn(kvmSoe));
