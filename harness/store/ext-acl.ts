// Decides how an access control list that ext4 keeps is written as the kernel hands it out. Source: fs/ext4/acl.h, linux/posix_acl_xattr.h.

/** `undefined` for bytes that are no such list. */
export function aclAttribute(kept: Buffer): Buffer | undefined {
  if (kept.length < 4 || kept.readUInt32LE(0) !== 1) return undefined;
  const parts: Buffer[] = [Buffer.from([2, 0, 0, 0])];
  for (let at = 4; at < kept.length; ) {
    if (at + 4 > kept.length) return undefined;
    const named = [2, 8].includes(kept.readUInt16LE(at));
    if (named && at + 8 > kept.length) return undefined;
    const entry = Buffer.alloc(8, 0xff);
    kept.copy(entry, 0, at, at + (named ? 8 : 4));
    parts.push(entry);
    at += named ? 8 : 4;
  }
  return Buffer.concat(parts);
}
