// Decides how a guest that was brought back is made fresh: clock and random pool, in one process that starts at once. It is the machine
// code of `libvirt-fresh.s`; perl, else date, do the same where it cannot be started. Never run it on this host: it sets the clock.
import { type Shell, shell } from "../model/exec.ts";

/** An ELF file for Linux on x86-64, without section headers. */
const program =
  "7f454c4602010100000000000000000002003e0001000000b000400000000000400000000000000000000000000000000000000040003800" +
  "02000000000000000100000005000000b000000000000000b000400000000000b0004000000000001e010000000000001e01000000000000" +
  "010000000000000051e574640600000000000000000000000000000000000000000000000000000000000000000000000000000000000000" +
  "1000000000000000b857000000488b7c24080f0541bf0100000048833c24030f85ea000000488b7424104531e40fb60685c0741883e83083" +
  "f8090f87cf0000004d6be40a4901c448ffc6ebe14c8b6c24184531f643807c350000740549ffc6ebf341ffc7b802000000488d3da9000000" +
  "be0100000031d20f054885c00f888d0000004889c3b8010000004889df4c89ee4c89f20f054c39f0757541ffc7b8100000004889dfbe0752" +
  "000031d20f054885c0785c41ffc74883ec10b8e4000000bf070000004889e60f054885c078414969c440420f00488b0c244869c900ca9a3b" +
  "4801c8480344240831d2b900ca9a3b48f7f1488904244889542408b8e300000031ff4889e60f054885c078034531ffb83c0000004489ff0f" +
  "052f6465762f7572616e646f6d00";

/** Where the program lies in a guest: in memory, and for the moment of a snapshot alone. /run forbids programs in Debian. */
const place = "/dev/shm/.assay-fresh";

/** Puts the program into the guest's memory, to be there when a snapshot of it is loaded. A guest that has no place for it goes without. */
export function placeFresh(): Shell {
  return shell(`umask 077; printf '${octal(Buffer.from(program, "hex"))}' >${place} && chmod 0700 ${place}; :`);
}

/** After the snapshot was taken, the guest that goes on has nothing of it. */
export const removeFresh = shell(`rm -f ${place}`);

/**
 * Sets the clock and feeds the random pool, then runs `next`, shell text that decides the exit status. The time of day is told by
 * the guest's uptime, at whose zero it was `beganMs`: a guest that was just brought back is slow to start programs, and what they were
 * given would be late. Without the program and without perl the pool is mixed but not reseeded at once.
 */
export function freshScript(beganMs: number, entropy: Uint8Array, next: string): string {
  const words = Buffer.from(entropy).toString("base64url");
  const perl = [
    `open(my $r, ">", "/dev/urandom") or die "urandom: $!\\n"; syswrite($r, $ARGV[0]);`,
    'ioctl($r, 0x5207, 0) or die "RNDRESEEDCRNG: $!\\n";',
    'open(my $u, "<", "/proc/uptime") or die "uptime: $!\\n"; my $t = $ARGV[1] / 1000 + (split(/ /, <$u>))[0];',
    'syscall(227, 0, pack("q2", int($t), int(($t - int($t)) * 1e9))) == 0 or die "clock_settime: $!\\n";',
  ].join(" ");
  return [
    `if [ -x ${place} ] && ${place} ${Math.round(beganMs)} ${words}; then :`,
    `elif command -v perl >/dev/null; then perl -e '${perl}' ${words} ${Math.round(beganMs)} || exit 1`,
    "else",
    `  printf %s ${words} >/dev/urandom || exit 1`,
    "  IFS=' ' read -r now rest </proc/uptime",
    `  date -u -s "@$((${Math.round(beganMs / 1000)} + \${now%.*}))" >/dev/null || exit 1`,
    "fi",
    next,
  ].join("\n");
}

function octal(bytes: Uint8Array): string {
  return [...bytes].map((byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("");
}
