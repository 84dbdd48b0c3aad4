#!/usr/bin/env bash
# rclone checksum --one-way exits with 0 on a list of sums of which it understood no line.
#
# Version: Debian 12's rclone 1.60.1. The list is what `sha256sum --tag` writes.
# Expected: the sums are compared, or the command fails since it cannot read the list.
# Seen: rclone reads only `sum, two characters, name`. It notes each line as improperly formatted, goes on
# without it, and with --one-way has nothing left to compare: "0 differences found", exit 0, though the file
# differs from its sum. Without --one-way the file counts as missing from the list, and the command fails.
#
# Prints what rclone says; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download rclone=1.60.1+dfsg-2+b5
dpkg -x ./*.deb root
mkdir tree
echo one >tree/file
(cd tree && sha256sum --tag file) >list
echo another >tree/file

check() { # check OPTION...: the answer of rclone, with its exit status at the end
  local said status=0
  said=$(root/usr/bin/rclone --config '' checksum SHA256 list tree "$@" 2>&1) || status=$?
  echo "$said" | sed 's/^[0-9/]* [0-9:]* *//'
  echo "exit $status"
}

one_way=$(check --one-way)
both=$(check)
printf 'with --one-way:\n%s\nwithout:\n%s\n' "$one_way" "$both"
grep -q 'improperly formatted' <<<"$one_way"
grep -q '0 differences found' <<<"$one_way"
[ "$(tail -n 1 <<<"$one_way") $(tail -n 1 <<<"$both")" = 'exit 0 exit 1' ]
