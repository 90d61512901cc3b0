// Decides what the reaper of a run costs while all is well: a Node, and next to no module. What removes things is loaded when
// the supervisor's pipe closes without a farewell; see `standBy`.
import { farewell } from "../lifecycle/farewell.ts";
import { identityOf } from "../model/identity.ts";

// What ends the supervisor, a closed terminal or an impatient shell, must not end what follows it.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
const parent = identityOf(process.ppid);
let heard = "";
try {
  for await (const chunk of process.stdin.setEncoding("utf8")) heard += chunk;
} catch {
  // A pipe that breaks says the same as one that closes.
}
if (heard.includes(farewell)) process.exit(0);
const { reaperCommand } = await import("./reaper.ts");
process.exit(await reaperCommand(process.argv[2] ?? "", parent));
