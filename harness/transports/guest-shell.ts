// Decides what runs inside a guest so that the host has shells there without a network: POSIX shell text over virtio-serial ports.
// Refuses to need anything but a POSIX shell with its built-ins, /proc and /sys; `setsid` and `setpriv` are used where they are.
import { becomeScript } from "./become.ts";
import { killTreeScript } from "./kill-tree.ts";

/** First word of the guest's greeting, with the version of what is said on the ports. */
export const greeting = "assay-guest-1";
/** Port names as the guest sees them in /sys/class/virtio-ports: `dev.assay.control`, `dev.assay.1.in`, … */
export const portPrefix = "dev.assay.";
/** Slots that a domain is given; each is three ports. With the control port this stays below the 31 of one controller. */
export const guestSlots = 9;

/**
 * The script. One process a slot, each started in the foreground of a pipeline: what a shell starts with `&` ignores SIGINT
 * for good, and so would every command.
 *
 * - A port's write waits until the host is connected and a read gives EOF until then: so each wait for the host is a write.
 * - Lines on `.in` before a command must begin with the secret: what an earlier command left unread there is no command.
 * - Who connects to the control port owns all slots; `clear` ends what a former connection left in them.
 * - A slot's ports are opened anew for each command. While something in the background still holds them, the slot says nothing.
 */
export const guestShell = `#!/bin/sh
exec 2>/dev/null
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
HOME=/root USER=root LOGNAME=root
export PATH HOME USER LOGNAME
cd /
umask 022
unset JOURNAL_STREAM INVOCATION_ID SYSTEMD_EXEC_PID NOTIFY_SOCKET
N='
'
session=
for f in /usr/bin/setsid /bin/setsid; do [ -x $f ] && session=$f && break; done
find_ports() {
  control=
  for f in /sys/class/virtio-ports/*/name; do
    IFS= read -r name <"$f" || continue
    case $name in ${portPrefix}*) ;; *) continue ;; esac
    f=\${f%/name}
    name=\${name#${portPrefix}}
    case $name in
      control) control=/dev/\${f##*/} ;;
      *.*) eval "\${name##*.}_\${name%%.*}=/dev/\${f##*/}" ;;
    esac
  done
  [ -c "$control" ]
}
tried=
until find_ports; do
  [ -n "$tried" ] || modprobe virtio_console
  tried=1
  sleep 0.05 || sleep 1
done
# Before udev has come to them: see the rule for udev.
[ -e /sys/fs/selinux/enforce ] && chcon -t null_device_t /dev/vport*
IFS= read -r boot </proc/sys/kernel/random/boot_id
IFS= read -r secret </proc/sys/kernel/random/uuid

${becomeScript.trim()}
kill_tree() {
${killTreeScript.trim()}
}
slot() {
  eval "in=\\$in_$1 out=\\$out_$1 err=\\$err_$1"
  while :; do
    {
      printf 'open %s\\n' "$1" >&3
      while :; do
        until IFS= read -r h; do printf . >&0; done
        case $h in "$secret "*) ;; *) continue ;; esac
        h=\${h#* }
        t=\${h%% *}
        h=\${h#* }
        [ "$h" = ping ] || break
        printf 'idle %s %s\\n' "$1" "$t" >&3
      done
      (
        exec 3>&-
        IFS=' ' read -r p x </proc/self/stat
        printf '\\001%s b%s\\002' "$t" "$p"
        printf '\\001%s b%s\\002' "$t" "$p" >&2
        become=
        eval "$h"
      )
      r=$?
      exec </dev/null
      printf '\\001%s e%s\\002' "$t" $r
      printf '\\001%s e%s\\002' "$t" $r >&2
      :
    } <>"$in" >"$out" 2>"$err" || sleep 1
  done
}
clear() {
  IFS= read -r all </proc/$$/task/$$/children
  for each in $all; do
    IFS= read -r child </proc/$each/task/$each/children
    for child in $child; do (kill_tree $child); done
  done
}
greet() { printf '\\n${greeting} %s %s %s\\n' "$boot" "$secret" "$1" >&3; }
hello() { clear; greet "$1"; }
control() {
  while :; do
    greet
    while IFS= read -r c <&3; do eval "$c"; done
  done
}
slots=0
line=
while eval "[ -n \\"\\$in_$((slots + 1))\\" ]"; do
  slots=$((slots + 1))
  line="\${line}slot $slots | "
done
exec 3<>"$control" </dev/null >/dev/null
eval "\${line}control"
`;
