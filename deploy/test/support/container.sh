#!/bin/sh
# Something like a container, in the mount and network namespaces that `ip netns exec` has made for it: a root of its
# own that can't be written to, but for what is asked for, then another user with no capabilities at all.
#
#   container.sh ROOT HOSTS (--image FOLDER | --machine NODE) UID:GID \
#     [--ro SOURCE TARGET | --tmpfs TARGET OPTIONS]... -- COMMAND...
#
# The root is that of an image, or else this machine's own programs with NODE.
set -eu
umask 022
# Who isn't root by profession may not have chroot on the path.
PATH=$PATH:/usr/sbin:/sbin

root=$1 hosts=$2 kind=$3 source=$4 user=$5
shift 5

mount --make-rprivate /
if [ "$kind" = --image ]; then
  mount --bind "$source" "$root"
  for name in proc dev; do
    mount --rbind "/$name" "$root/$name"
  done
  # An engine makes it.
  touch "$root/etc/hosts"
else
  mount -t tmpfs -o mode=755 tmpfs "$root"
  for name in usr bin sbin lib lib64 etc proc dev; do
    [ -d "/$name" ] || continue
    mkdir "$root/$name"
    mount --rbind "/$name" "$root/$name"
  done
  for name in usr bin sbin lib lib64 etc; do
    [ ! -d "/$name" ] || mount -o remount,bind,ro "$root/$name"
  done
  mkdir -p "$root/opt/node"
  touch "$root/opt/node/node"
  mount --bind "$source" "$root/opt/node/node"
fi
mount --bind "$hosts" "$root/etc/hosts"

while [ "$1" != -- ]; do
  case $1 in
    --ro)
      if [ -d "$2" ]; then
        mkdir -p "$root$3"
      else
        mkdir -p "$(dirname "$root$3")"
        touch "$root$3"
      fi
      mount --bind "$2" "$root$3"
      mount -o remount,bind,ro "$root$3"
      ;;
    --tmpfs)
      mkdir -p "$root$2"
      mount -t tmpfs -o "$3" tmpfs "$root$2"
      ;;
  esac
  shift 3
done
shift
mount -o remount,bind,ro "$root"

exec chroot "$root" setpriv --reuid="${user%:*}" --regid="${user#*:}" --clear-groups \
  --no-new-privs --bounding-set=-all --inh-caps=-all -- "$@"
