#!/bin/sh
# Builds the image `cpu` from this checkout and mounts its file system, without a container engine and without a
# registry of images: what Node's image has is put together from Debian's packages and this machine's Node.
#
#   image.sh build CACHE WORK      CACHE keeps the base image and what pnpm downloads; everything else goes to WORK,
#                                  image.json (how a container starts) and mounted (where its file system is) among it
#   image.sh remove CACHE WORK     unmounts it, and removes WORK
set -eu

command=$1 cache=$2 work=$3
if [ "$command" = remove ]; then
  # What is mounted within other mounts first.
  awk '{ print $5 }' /proc/self/mountinfo | grep "^$work/" | sort -r | xargs -r umount
  rm -rf "$work"
  exit
fi

repository=$(cd "$(dirname "$0")/../../.." && pwd)
# Without what only a container engine may do.
export BUILDAH_ISOLATION=chroot
# Here buildah keeps the caches that the Dockerfile mounts.
export TMPDIR="$cache/tmp"
mkdir -p "$TMPDIR" "$work"

# buildah takes the best storage driver that works here.
driver=$(buildah --root "$work/storage" --runroot "$work/run" info --format '{{.store.GraphDriverName}}')
codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
# Made anew when this recipe changes.
base="$cache/base-$codename-$(node --version)-$driver-$(cksum < "$0" | cut -d ' ' -f 1)"
BASE=localhost/semcast-base:latest
IMAGE=localhost/semcast:latest

storage() { # ROOT ARGUMENTS...
  root=$1
  shift
  buildah --root "$root" --runroot "$work/run" --storage-driver "$driver" "$@"
}
build() {
  storage "$work/storage" --storage-opt "$driver.imagestore=$base" "$@"
}

# A minimal Debian with Node and npm, where the official image has them.
make_base() {
  mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' "Codename: $codename" | head -n 1)
  debootstrap --variant=minbase "$codename" "$work/debian" ${mirror:+"$mirror"}
  rm -rf "$work"/debian/var/cache/apt/archives/*.deb "$work"/debian/var/lib/apt/lists/*
  local="$work/debian/usr/local"
  npm=$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")
  install -D "$(node -p process.execPath)" "$local/bin/node"
  mkdir -p "$local/lib/node_modules"
  cp -R "$npm" "$local/lib/node_modules/npm"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$local/bin/npm"
  ln -s ../lib/node_modules/npm/bin/npx-cli.js "$local/bin/npx"

  container=$(storage "$work/base" from scratch)
  storage "$work/base" copy --quiet "$container" "$work/debian" /
  storage "$work/base" config --cmd node \
    --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
  storage "$work/base" commit --quiet --rm "$container" "$BASE"
  rm -rf "$work/debian"
  # Whole or not at all, and only one, if two runs make it at the same time. The last step is to forget older ones.
  mv --no-target-directory "$work/base" "$base" || [ -d "$base" ]
  find "$cache" -mindepth 1 -maxdepth 1 -name 'base-*' -mtime +7 -exec rm -rf {} +
}

# npm's settings of this machine, which the Dockerfile takes as a secret.
npm_settings() {
  cat "$(npm config get userconfig)" || true
  npm config get registry cafile proxy https-proxy noproxy | grep -v -e '=null$' -e '=$'
}

[ -d "$base" ] || make_base
touch "$base"
npm_settings > "$work/npmrc"
cafile=$(npm config get cafile)
[ -f "$cafile" ] || cafile=
build bud --pull-never --target cpu --tag "$IMAGE" --file "$repository/deploy/docker/Dockerfile" \
  --build-arg NODE_IMAGE="$BASE" --secret id=npmrc,src="$work/npmrc" ${cafile:+--volume "$cafile:$cafile:ro"} \
  "$repository"
build inspect --type image "$IMAGE" > "$work/image.json"
build mount "$(build from --pull-never "$IMAGE")" > "$work/mounted"
