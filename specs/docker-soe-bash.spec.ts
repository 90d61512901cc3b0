// The bash role in the container.
import { dockerSoe } from "../environments/docker-soe.ts";
import { testIn } from "../harness/index.ts";
import { bashRole } from "./soe/bash.ts";

bashRole(testIn(dockerSoe));
