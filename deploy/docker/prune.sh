#!/bin/sh
# Takes out of a built checkout with the packages of production alone what an image doesn't run, and opens the rest to
# the image's user, whatever the umask of the checkout.
#
#   prune.sh FOLDER
set -eu
cd "$1"

# Native addons of other systems, and of another C library, where a package brings all of them.
keep=$(node -p '`${process.platform}/${process.arch}`')
find node_modules/.pnpm -path '*/onnxruntime-node/bin/napi-v*/*/*' -prune ! -path "*/$keep" -exec rm -rf {} +
find node_modules/.pnpm -name '*.musl.node' -delete

# Sources, and what only compilers and debuggers read.
find apps packages -mindepth 2 -maxdepth 2 -name src -exec rm -rf {} +
find apps packages node_modules/.pnpm -type f \
  \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.[cm]ts' -o -name '.tsbuildinfo' \) -delete

find . ! -type l \( ! -perm -444 -o -type d ! -perm -555 \) -exec chmod a+rX {} +
