#!/usr/bin/env bash
# rclone copyto --immutable replaces a file by another content and exits with 0.
#
# Version: Debian 12's rclone 1.60.1.
# Expected (its manual, --immutable): existing files are never updated; a source that does not match the
# destination gives an error.
# Seen: so it is with `rclone copy` of a directory. `copyto` and `moveto` of a single file overwrite it.
#
# Prints the answers; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download rclone=1.60.1+dfsg-2+b5
dpkg -x ./*.deb root

try() { # try COMMAND SOURCE TARGET: "exit STATUS, CONTENT" of the target that held "old"
  local status=0
  rm -rf source target
  mkdir source target
  echo 'the new content' >source/file
  echo old >target/file
  root/usr/bin/rclone --config '' "$1" --immutable --retries 1 "$2" "$3" 2>/dev/null || status=$?
  echo "exit $status, $(cat target/file)"
}

copy=$(try copy source target)
copyto=$(try copyto source/file target/file)
moveto=$(try moveto source/file target/file)
printf 'copy: %s\ncopyto: %s\nmoveto: %s\n' "$copy" "$copyto" "$moveto"
[[ $copy == *', old' && $copyto == 'exit 0, the new content' && $moveto == 'exit 0, the new content' ]]
