#!/bin/sh
# Decides what a command sees of this machine while it works on a tree: its own /proc and /dev, the host's name servers.
# Runs in a mount namespace of its own: the mounts vanish with the last process in it, also after kill -9.
# Usage: in-tree.sh TREE COMMAND [ARGUMENT...]
set -eu
tree=$1
shift
mkdir -p "$tree/proc" "$tree/dev" "$tree/etc"
mount -t proc -o nosuid,nodev,noexec proc "$tree/proc"
mount -t tmpfs -o nosuid,noexec,mode=0755,size=64m dev "$tree/dev"
for device in null zero full random urandom tty; do
  : > "$tree/dev/$device"
  mount --bind "/dev/$device" "$tree/dev/$device"
done
mkdir "$tree/dev/pts" "$tree/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$tree/dev/pts"
mount -t tmpfs -o nosuid,nodev,mode=1777,size=64m shm "$tree/dev/shm"
ln -s pts/ptmx "$tree/dev/ptmx"
ln -s /proc/self/fd "$tree/dev/fd"
ln -s fd/0 "$tree/dev/stdin"
ln -s fd/1 "$tree/dev/stdout"
ln -s fd/2 "$tree/dev/stderr"
# A copy: what a command writes there must not reach this machine's own. Mounted, so that no package puts a link in its place.
if [ -e /etc/resolv.conf ]; then
  cat /etc/resolv.conf > "$tree/dev/resolv.conf"
  chmod 0644 "$tree/dev/resolv.conf"
  mount --bind "$tree/dev/resolv.conf" "$tree/etc/resolv.conf"
  rm "$tree/dev/resolv.conf"
fi
# Whom this machine trusts, for what is fetched over TLS: /dev is gone with the command, so that no image keeps it.
if [ -n "${ASSAY_TRUST:-}" ]; then
  cat "$ASSAY_TRUST" > "$tree/dev/assay-trust.pem"
  chmod 0444 "$tree/dev/assay-trust.pem"
  unset ASSAY_TRUST
fi
exec "$@"
