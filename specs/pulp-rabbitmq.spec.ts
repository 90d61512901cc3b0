// The stack on RabbitMQ.
import { pulpRabbitmq } from "../environments/pulp.ts";
import { testIn } from "../harness/index.ts";
import { messages } from "./pulp/messages.ts";
import { queuesOfRoles } from "./pulp/queues-of-roles.ts";
import { storage } from "./pulp/storage.ts";

const test = testIn(pulpRabbitmq);

storage(test);
messages(test);
queuesOfRoles(test);
