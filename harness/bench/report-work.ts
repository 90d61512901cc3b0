// Decides what of writing a report is timed: all that a run does at its end, from its events to the files, in a process that has done it
// never before. `node report-work.ts <directory>` prints the milliseconds; the directory may hold evidence.
import { reportOf } from "../reporting/report.ts";
import { largeRun } from "../reporting/testing/large.ts";
import { writeReport } from "../reporting/write.ts";

if (import.meta.main) {
  const events = largeRun();
  const began = performance.now();
  await writeReport(process.argv[2] ?? "", reportOf(events));
  console.log(performance.now() - began);
}
