// The stack on Qpid.
import { pulpQpid } from "../environments/pulp.ts";
import { testIn } from "../harness/index.ts";
import { messages } from "./pulp/messages.ts";
import { queuesOfRoles } from "./pulp/queues-of-roles.ts";
import { storage } from "./pulp/storage.ts";

const test = testIn(pulpQpid);

storage(test);
messages(test);
queuesOfRoles(test, "qpid");
