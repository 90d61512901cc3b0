// Decides how a machine's shell reads on in its kernel's log without a process for each look: a bash beside it keeps /dev/kmsg open, reads what
// is new when it is told to, and prints it where the shell prints. Descriptor and place in the log are the guest's: they go back with it.
// Shell words only.

/**
 * The bash. What the log has by then it reads at once, by dd, as that is much; what comes later when it is told to. Its `read` takes one record,
 * whole, and says in the system's words why there is no more. dd leaves the log so that reads end where it does: where they would wait for
 * ever, the bash ends. An answer is over when a line comes at 5.
 */
const reader = `export LC_ALL=C
nl="
"
said=$(dd iflag=nonblock ibs=8192 obs=65536 status=none <&9 2>/dev/null)$nl
{ read -r _ && read -r _ flags; } </proc/self/fdinfo/9
(( flags & 04000 )) || exit
while read -r _; do
  while IFS= read -r -n 8192 -u 9 line; do
    said+=$line$nl
    (( \${#said} < 8000 )) || { printf %s "$said"; said=; }
  done
  printf %s "$said"
  said=
  echo >&5
done`;

/**
 * Given to a shell first; the bash starts beside it, to be there when it is asked for the first time: a machine that comes up waits for its
 * network then, and not behind it. Where anything is missing, the shell goes on without.
 * A document in a shell's text is a pipe, and /proc has its other end: no program has to make one. Who reads at 7 ends with the last shell
 * that can write at 8, and who waits at 4 is told at once when nobody is left to answer. The log itself stays open in the bash alone: a program
 * that the shell starts, and that SELinux knows, may not have it.
 */
export const keepLogOpen = `{ command exec 9</dev/kmsg && command exec 7<<_ && command exec 4<<_; } 2>/dev/null
begin
_
begin
_
if [ -c /proc/self/fd/9 ] && [ -p /proc/self/fd/7 ] && [ -p /proc/self/fd/4 ] &&
{ command exec 8>/proc/self/fd/7 && command exec 5>/proc/self/fd/4; } 2>/dev/null; then
read -r _ <&7
read -r _ <&4
(exec 0<&7 4<&- 7<&- 8>&-; exec bash -c '${reader}') &
exec 5>&- 7<&- 9<&-
_assay_log=open
fi`;

/** Shell text that prints what is new, and the reason why there is no more. */
export const readLogOn = `[ "$_assay_log" = open ] || { echo 'this shell does not keep it open' >&2; exit 76; }
echo >&8
read -r _ <&4 || { echo 'who keeps it open has ended' >&2; exit 75; }`;
