// Decides which variables of the surroundings programs of a build may see: where the way out is, and nothing else.

/** The proxy variables that are set, in either spelling. */
export function proxies(env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const names = ["http_proxy", "https_proxy", "no_proxy"].flatMap((name) => [name, name.toUpperCase()]);
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = env[name];
      return value === undefined || value === "" ? [] : [[name, value]];
    }),
  );
}
