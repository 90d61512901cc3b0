// Decides where in a file it is that Node could not read: an error of syntax has no frame there, only words before the first one.
import { fileURLToPath } from "node:url";

/** `<path or URL>:<line>`, the line itself after an empty one or not, and a caret below it. */
const words = /^(?<file>(?:file:\/\/)?\/.*?):(?<line>\d+)\n(?:\s*\n)?(?<text>.*)\n(?<caret> *)\^/;

/**
 * The error itself, with `at` (`path:line:column`) and a code of ours where Node says in its stack where it is. Any other stays as it is;
 * so does what V8 alone finds, a name declared twice for instance: it tells nobody where.
 */
export function placed(error: unknown): unknown {
  if (!(error instanceof SyntaxError)) return error;
  const { file, line, caret } = words.exec(error.stack ?? "")?.groups ?? {};
  if (file === undefined || line === undefined || caret === undefined) return error;
  const path = file.startsWith("file:") ? fileURLToPath(file) : file;
  return Object.assign(error, { code: "unreadable-file", at: `${path}:${line}:${caret.length + 1}` });
}
