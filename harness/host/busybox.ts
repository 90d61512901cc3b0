// Decides which busybox containers can be looked into with whose images have no tools: one that needs nothing of the image, and whose
// shell finds the tools in itself. Installs nothing.
import { execFile } from "node:child_process";
import { open, realpath } from "node:fs/promises";
import { promisify } from "node:util";
import type { Busybox } from "../model/capabilities.ts";
import { messageOf } from "../model/errors.ts";
import { findTool } from "./tools.ts";

const remedy = "apt-get install busybox-static (assay setup --yes does)";

/** `path` is a `PATH`. Never rejects. @example await staticBusybox("/usr/bin") // { path: "/usr/bin/busybox" } */
export async function staticBusybox(path: string): Promise<Busybox> {
  const found = findTool("busybox", path);
  if (found === undefined) return { missing: `this machine has no busybox: ${remedy}` };
  try {
    const file = await realpath(found);
    if (await wantsInterpreter(file)) return { missing: `${file} is not a static program: ${remedy}` };
    const script = "stat -c %F / && echo x | head -c 1";
    const env = { PATH: "/nonexistent" };
    const { stdout } = await promisify(execFile)(file, ["sh", "-c", script], { env, timeout: 10_000 });
    return stdout === "directory\nx" ? { path: file } : { missing: `the shell of ${file} lacks tools: ${remedy}` };
  } catch (error) {
    return { missing: `${found} cannot be used: ${messageOf(error)}; ${remedy}` };
  }
}

/** Whether a program header of a 64-bit little-endian ELF file names an interpreter, as those of dynamic programs do. @see elf(5) */
async function wantsInterpreter(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer } = await file.read(Buffer.alloc(4096), 0, 4096, 0);
    if (buffer.toString("latin1", 0, 4) !== "\x7fELF" || buffer[4] !== 2 || buffer[5] !== 1)
      throw new Error("it is no ELF file of this machine");
    const [table, size, count] = [Number(buffer.readBigUInt64LE(32)), buffer.readUInt16LE(54), buffer.readUInt16LE(56)];
    const interpreter = 3; // PT_INTERP
    for (let at = table; at < table + size * count && at + 4 <= buffer.length; at += size)
      if (buffer.readUInt32LE(at) === interpreter) return true;
    return false;
  } finally {
    await file.close();
  }
}
