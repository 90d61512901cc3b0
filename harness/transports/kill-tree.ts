// Decides how a process and all that descend from it are killed on a node, with nothing there but a POSIX shell and /proc.

/**
 * Shell script for `sh -c … sh PID`. Collects the descendants by parent pid until no more are found, then kills all.
 * Uses shell built-ins alone: `ps` and `pkill` are missing in most images.
 */
export const killTreeScript = `
doomed=" $1 "; again=1
while [ "$again" = 1 ]; do
  again=0
  for status in /proc/[0-9]*/status; do
    pid=; parent=
    while read -r key value rest; do
      case $key in Pid:) pid=$value ;; PPid:) parent=$value; break ;; esac
    done 2>/dev/null <"$status"
    case $doomed in *" $pid "*) continue ;; esac
    case $doomed in *" $parent "*) doomed="$doomed$pid "; again=1 ;; esac
  done 2>/dev/null
done
kill -KILL $doomed 2>/dev/null
`;
