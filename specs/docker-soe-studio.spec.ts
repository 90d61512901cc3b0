// The studio role in the container.
import { dockerSoe } from "../environments/docker-soe.ts";
import { testIn } from "../harness/index.ts";
import { studioRole } from "./soe/studio.ts";

studioRole(testIn(dockerSoe));
