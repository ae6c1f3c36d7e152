#!/bin/sh
# Fails when a native addon or a library beside it needs a library that is missing, so that no image is built
# that can't run. The driver's own libraries come from the machine when a container starts.
#
#   check-libraries.sh FOLDER [LIBRARY-THAT-MUST-BE-THERE ...]
set -eu

folder=$1
shift

libraries() {
  find "$folder" -type f \( -name '*.node' -o -name '*.so' -o -name '*.so.*' \)
}

problems=$(
  for name in "$@"; do
    [ -n "$(find "$folder" -name "$name" -print -quit)" ] || echo "missing: $name in $folder"
  done
  [ -n "$(libraries)" ] || echo "no library at all in $folder"
  libraries | while IFS= read -r library; do
    missing=$(ldd "$library" 2>&1 | grep 'not found' | grep -v -e 'libcuda\.so' -e 'libnvidia-ml\.so' || true)
    [ -z "$missing" ] || printf '%s:\n%s\n' "$library" "$missing"
  done
)
if [ -n "$problems" ]; then
  printf '%s\n' "$problems" >&2
  exit 1
fi
