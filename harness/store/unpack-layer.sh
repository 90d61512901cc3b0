#!/bin/sh
# Decides where a layer's files can land: in the tree and nowhere else. tar runs with the tree as its root, so that no link in an image
# leads out of it; its program and libraries are lent, read-only, in a mount that vanishes with it.
# Usage: unpack-layer.sh TREE TOOLS LAYER
set -eu
tree=$1 tools=$2 layer=$3
mount --bind "$tools" "$tree/.assay-tools"
mount -o remount,bind,ro "$tree/.assay-tools"
exec < "$layer"
cd "$tree"
exec chroot . /.assay-tools/ld.so --library-path /.assay-tools /.assay-tools/tar --extract --numeric-owner --same-owner \
  --preserve-permissions --xattrs '--xattrs-include=*' --overwrite --exclude='.wh.*' --directory /
