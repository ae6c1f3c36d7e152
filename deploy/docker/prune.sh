#!/bin/sh
# Removes from a built checkout (with the production packages only) the files that an image doesn't need, and makes the
# rest readable for the image's user, whatever the umask of the checkout was.
#
#   prune.sh FOLDER
set -eu
cd "$1"

# Native addons of other systems, and of another C library, where a package brings all of them.
keep=$(node -p '`${process.platform}/${process.arch}`')
find node_modules/.pnpm -path '*/onnxruntime-node/bin/napi-v*/*/*' -prune ! -path "*/$keep" -exec rm -rf {} +
find node_modules/.pnpm -name '*.musl.node' -delete

# Sources, and files for compilers and debuggers only.
find apps packages -mindepth 2 -maxdepth 2 -name src -exec rm -rf {} +
find apps packages node_modules/.pnpm -type f \
  \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.[cm]ts' -o -name '.tsbuildinfo' \) -delete

find . ! -type l \( ! -perm -444 -o -type d ! -perm -555 \) -exec chmod a+rX {} +
