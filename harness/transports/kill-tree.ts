// Decides how a process and all that descend from it are killed on a node, with nothing there but a POSIX shell and /proc.

/**
 * Shell script for `sh -c … sh PID`. The kernel's own lists of children tell the descendants, where it keeps them; else each
 * process is asked for its parent until no more are found. Then all are killed. Uses shell built-ins alone: `ps` and `pkill`
 * are missing in most images.
 */
export const killTreeScript = `
doomed=" $1 "; again=0
if [ -e /proc/$$/task/$$/children ]; then
  left=$1
  while [ -n "$left" ]; do
    next=
    for pid in $left; do
      for list in /proc/$pid/task/*/children; do
        children=
        read -r children <"$list"
        next="$next $children"
      done 2>/dev/null
    done
    doomed="$doomed$next "
    left=\${next# }
    case $left in *[0-9]*) ;; *) left= ;; esac
  done
else
  again=1
fi
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
