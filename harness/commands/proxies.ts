// Decides which variables of the surroundings programs of a build may see: where the way out is, where packages are fetched from and who
// is trusted on the way; nothing else.
import { existsSync } from "node:fs";

const ways = ["http_proxy", "https_proxy", "no_proxy"].flatMap((name) => [name, name.toUpperCase()]);
/** Where pip, Go, npm and Maven look for packages, as their own manuals name the variables. */
const indexes = [
  "MVNW_REPOURL",
  "PIP_INDEX_URL",
  "PIP_EXTRA_INDEX_URL",
  "GOPROXY",
  "GONOSUMDB",
  "GOSUMDB",
  "NPM_CONFIG_REGISTRY",
];
/** Debian's, from the package ca-certificates. */
const usualTrust = "/etc/ssl/certs/ca-certificates.crt";

/** Those that are set; and `SSL_CERT_FILE`, whom this machine trusts, where it has such a file. */
export function proxies(env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const trust = env["SSL_CERT_FILE"] ?? usualTrust;
  const set = [...ways, ...indexes].flatMap((name) => {
    const value = env[name];
    return value === undefined || value === "" ? [] : [[name, value]];
  });
  return Object.fromEntries([...set, ...(existsSync(trust) ? [["SSL_CERT_FILE", trust]] : [])]);
}
