#!/bin/sh
# Something like a container, in the mount and network namespaces that `ip netns exec` has made for it: a root of its
# own that can't be written to, but for what is asked for, then another user with no capabilities at all.
#
#   container.sh ROOT HOSTS NODE UID:GID [--ro SOURCE TARGET | --tmpfs TARGET OPTIONS]... -- COMMAND...
set -eu
umask 022
# Who isn't root by profession may not have chroot on the path.
PATH=$PATH:/usr/sbin:/sbin

root=$1 hosts=$2 node=$3 user=$4
shift 4

mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$root"

for name in usr bin sbin lib lib64 etc proc dev; do
  [ -d "/$name" ] || continue
  mkdir "$root/$name"
  mount --rbind "/$name" "$root/$name"
done
mount --bind "$hosts" "$root/etc/hosts"
for name in usr bin sbin lib lib64 etc; do
  [ ! -d "/$name" ] || mount -o remount,bind,ro "$root/$name"
done

mkdir -p "$root/opt/node"
touch "$root/opt/node/node"
mount --bind "$node" "$root/opt/node/node"

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
mount -o remount,ro "$root"

exec chroot "$root" setpriv --reuid="${user%:*}" --regid="${user#*:}" --clear-groups \
  --no-new-privs --bounding-set=-all --inh-caps=-all -- "$@"
