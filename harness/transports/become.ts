// Decides how a program on a machine starts as another user, in POSIX shell, with nothing there but /etc/passwd and `setpriv`.

/**
 * Two shell functions. `as USER` (name, uid or uid:gid) sets the variables of that user's login and remembers who it is;
 * `run PROGRAM …` becomes that user and the program. Needs root for another user than root. A name or a lone uid must be
 * in /etc/passwd: 126 and a message otherwise.
 */
export const becomeScript = `
as() {
  user= uid=\${1%%:*}
  while IFS=: read -r n x i j y d y; do
    case $uid in "$n" | "$i") user=$n uid=$i gid=$j HOME=$d; break ;; esac
  done </etc/passwd
  case $1 in
    *:*) gid=\${1#*:} HOME=\${user:+$HOME} HOME=\${HOME:-/} groups=--clear-groups ;;
    *) groups=--init-groups ;;
  esac
  case $1,$user in
    *:*) ;;
    *,) printf 'no user "%s"\\n' "$1" >&2; exit 126 ;;
  esac
  USER=\${user:-$uid} LOGNAME=$USER
  export HOME USER LOGNAME
  case $1 in 0 | root) return ;; esac
  become="setpriv --reuid=$uid --regid=$gid $groups --"
}
run() { exec $session $become "$@"; }
`;
