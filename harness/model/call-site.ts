// Decides where a declaration was written, so that an error can name file and line.
import { fileURLToPath } from "node:url";
import { getCallSites } from "node:util";

/**
 * `file:line:column` of the nearest caller outside `harness/`, or of the outermost frame that has a file.
 * Works because Node's type stripping keeps positions; test files load natively too.
 */
export function callSite(): string | undefined {
  const harness = fileURLToPath(new URL("..", import.meta.url));
  const named = getCallSites(24).filter((site) => site.scriptName !== "" && !site.scriptName.startsWith("node:"));
  const sites = named.map((site) => {
    const path = site.scriptName.startsWith("file:")
      ? fileURLToPath(site.scriptName.replace(/\?.*$/, ""))
      : site.scriptName;
    return { path, text: `${path}:${site.lineNumber}:${site.columnNumber}` };
  });
  const outside = (path: string) => !path.startsWith(harness) && !path.includes("/node_modules/");
  // A test of the harness itself declares from inside harness/: its own file is then the site.
  const site = sites.find(({ path }) => outside(path)) ?? sites.find(({ path }) => path.endsWith(".test.ts"));
  return site?.text;
}
