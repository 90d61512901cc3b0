// Decides whether builds on this host can fetch Python packages: the index that pip would ask there is asked for one page, and what it
// says of itself is judged. Fetches no package.
import { execFile } from "node:child_process";
import type { Finding } from "../model/capabilities.ts";

/** What came of asking: the status of an answer, or why there was none. */
export type IndexAnswer = { readonly status: number } | { readonly refused: string };

/** Where pip looks unless it is told otherwise. */
const usual = "https://pypi.org/simple";
const seconds = 10;

// By python3's own client: it heeds the proxies and the trusted authorities as pip does. The address comes on standard input: it may
// hold a password, which no list of processes is to show.
const asking = `import json, sys, urllib.error, urllib.request
wanted = json.load(sys.stdin)
try:
    request = urllib.request.Request(wanted["url"], headers=wanted["headers"])
    with urllib.request.urlopen(request, timeout=${seconds}) as answer: said = {"status": answer.status}
except urllib.error.HTTPError as error: said = {"status": error.code}
except Exception as error: said = {"refused": str(getattr(error, "reason", error))}
print(json.dumps(said))`;

/**
 * The line about the index that `variables` name, as builds get them: PIP_INDEX_URL, the proxies, SSL_CERT_FILE. Never rejects; waits at
 * most 10 s for each step of the way.
 * @example await pythonIndexFinding(proxies()) // { what: "Python index", can: "yes", … }
 */
export async function pythonIndexFinding(variables: Readonly<Record<string, string>>): Promise<Finding> {
  const index = variables["PIP_INDEX_URL"] ?? usual;
  if (!URL.canParse(index)) return judgeIndex("PIP_INDEX_URL", { refused: "it is no URL" });
  return judgeIndex(new URL(index).host, await ask(new URL(index), variables));
}

/** What an answer says. 404 is one: an index of a few packages has no page of pip's. */
export function judgeIndex(host: string, answer: IndexAnswer): Finding {
  const about = { what: "Python index", needed: false } as const;
  if ("status" in answer && (answer.status < 400 || answer.status === 404))
    return { ...about, can: "yes", detail: `${host} answers` };
  return {
    ...about,
    can: "no",
    detail: `packages cannot be fetched from ${host}`,
    cause: "status" in answer ? `it answers ${answer.status}` : answer.refused,
    remedy: "set PIP_INDEX_URL, HTTPS_PROXY or SSL_CERT_FILE to what this network needs",
  };
}

function ask(index: URL, variables: Readonly<Record<string, string>>): Promise<IndexAnswer> {
  const url = new URL(index);
  const login = [url.username, url.password].map(decodeURIComponent).join(":");
  url.username = "";
  url.password = "";
  url.pathname = `${url.pathname.replace(/\/$/, "")}/pip/`;
  const headers = login === ":" ? {} : { Authorization: `Basic ${Buffer.from(login).toString("base64")}` };
  return new Promise((resolve) => {
    const asked = execFile(
      "python3",
      ["-I", "-c", asking],
      {
        env: { PATH: "/usr/local/bin:/usr/bin:/bin", ...variables },
        timeout: 3 * seconds * 1000,
        killSignal: "SIGKILL",
      },
      (error, stdout) => {
        try {
          resolve(JSON.parse(stdout) as IndexAnswer);
        } catch {
          const missing = (error as NodeJS.ErrnoException | null)?.code === "ENOENT";
          resolve({ refused: missing ? "python3, which would ask it, is not installed" : "no answer in time" });
        }
      },
    );
    asked.stdin?.on("error", () => {}); // it ended before it read; what it said is judged
    asked.stdin?.end(JSON.stringify({ url: url.href, headers }));
  });
}
