// Decides how a guest's shell learns that no unit of systemd has failed, without systemd's tool, which is slow to start in an emulated guest:
// by the machine code of `no-failed-units.s`. Refuses to say which have: who does not hear that there is none asks systemctl. Shell words only.

/** An ELF file for Linux on x86-64, without section headers. */
const program =
  "7f454c4602010100000000000000000002003e0001000000b000400000000000400000000000000000000000000000000000000040003800" +
  "0200400000000000010000000500000000000000000000000000400000000000000040000000000028030000000000002803000000000000" +
  "001000000000000051e574640600000000000000000000000000000000000000000000000000000000000000000000000000000000000000" +
  "100000000000000041bf0100000048833c24020f855d010000488b7424104883ec7066c70424010041be02000000ac4288043441ffc684c0" +
  "740b4183fe6e72eee931010000b825000000bf0a0000000f0541bf04000000b829000000bf01000000be0100000031d20f0585c00f880401" +
  "000089c341ffc7b82a00000089df4889e64489f20f0585c00f88e800000041ffc7488d351d010000ba1a000000e8e600000041ffc74881ec" +
  "001000004889e54531e4e8e00000004183fc2572f541bf080000008b450025ffffff003d4f4b20000f85a0000000807d240a0f8596000000" +
  "41ffc7488d35e5000000bab1000000e89400000041bd2500000041bf070000004489e04429e883f8107307e887000000ebe84a8d742d008b" +
  "4e0c8b560481f900100000775181fa00100000774983c11783e1f801ca39d07307e859000000ebba41bf0a0000008b063c6c752a80fc0474" +
  "2f80fc02752029ca83fa087519813c0e01750000751041bf03000000837c0e040075034531ffb83c0000004489ff0f054101d5e972ffffff" +
  "b80100000089df0f054839d075e0c331c089df4a8d742500ba001000004429e274cc0f054885c07ec54101c4c30041555448204558544552" +
  "4e414c2033300d0a424547494e0d0a6c01000139000000010000006800000001016f00190000002f6f72672f667265656465736b746f702f" +
  "73797374656d643100000000000000020173001f0000006f72672e667265656465736b746f702e444275732e50726f706572746965730003" +
  "0173000300000047657400000000000801670002737300200000006f72672e667265656465736b746f702e73797374656d64312e4d616e61" +
  "676572000000000c0000004e4661696c6564556e69747300";

/** In memory, and a place where Debian lets programs run, which /run is not. It is put there when it is needed first, and stays. */
const place = "/dev/shm/.assay-no-failed-units";

/** Puts the program into its place, where nothing is there. The kernel tells its machine without a process, since Linux 6.1. */
const placed = `[ -e ${place} ] || {
  read -r machine </proc/sys/kernel/arch || machine=$(uname -m)
  [ "$machine" = x86_64 ] && (umask 077 && set -C && printf '${octal(program)}' >${place} && exec chmod 0700 ${place})
}`;

/** Given to a shell first: the program is put into its place beside it, while a machine that comes up waits for its network. */
export const placeNoneFailed = `[ ! -d /run/systemd/system ] || { ${placed}; } </dev/null >/dev/null 2>&1 &`;

/**
 * Defines `none_failed`. Status 0: systemd says so. Anything else: some have, or that is not known. Everybody may write where the program
 * lies: one that is somebody else's, and a link, is not run. A file that may be run is whole, as it may be only then.
 */
export const noneFailed = `none_failed() {
${placed}
[ -O ${place} ] && [ ! -L ${place} ] && ${place} /run/systemd/private
} 2>/dev/null`;

function octal(bytes: string): string {
  return [...Buffer.from(bytes, "hex")].map((byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("");
}
