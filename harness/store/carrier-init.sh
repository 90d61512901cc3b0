#!/bin/sh
# Decides how a carrier guest comes from the kernel to its own init: load the modules, find the root file system, go there.
# What another cpio beside this one brings as /assay/install runs once root and /run are mounted.
export PATH=/bin
mount -t proc -o nosuid,nodev,noexec proc /proc
mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
mount -t devtmpfs -o nosuid,mode=0755 devtmpfs /dev
mount -t tmpfs -o nosuid,nodev,mode=0755 tmpfs /run
while read -r module; do
  insmod "/modules/$module"
done < /modules/order

root= init=/sbin/init flags=ro
read -r line < /proc/cmdline
for word in $line; do
  case $word in
    root=*) root=${word#root=} ;;
    init=*) init=${word#init=} ;;
    ro | rw) flags=$word ;;
    rootflags=*) more=${word#rootflags=} ;;
  esac
done

# The kernel probes disks on its own time.
tries=0
case $root in
  UUID=* | LABEL=*)
    until device=$(findfs "$root" 2>/dev/null); do
      tries=$((tries + 1))
      if [ "$tries" -gt 500 ]; then
        echo "carrier: no disk has the file system $root; block devices: $(cd /sys/class/block && echo *)"
        exit 1
      fi
      usleep 20000
    done
    ;;
  *) device=$root ;;
esac
mount -t ext4 -o "$flags${more:+,$more}" "$device" /root || exit 1

if [ -e /assay/install ]; then
  sh /assay/install
fi
for each in run dev sys proc; do
  mount -o move "/$each" "/root/$each"
done
exec switch_root /root "$init"
