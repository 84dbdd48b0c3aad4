#!/usr/bin/env bash
# sha256sum -c and rhash -c read the first name of a list that `sha256sum --zero` wrote, and say that all is
# well.
#
# Versions: Debian 12's coreutils 9.1 and rhash 1.4.3.
# Expected: every file of the list is compared, or the list is refused as having no valid lines.
# Seen: --zero ends each entry with a NUL instead of a line feed, so the whole list is one line, and both
# readers take its name to end at the first NUL. Of three files the first is compared and the two others,
# which differ, are not. sha256sum exits with 0 and no warning, with --strict and --warn too; rhash says
# "Everything OK".
#
# Prints what both readers say; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download coreutils=9.1-1 rhash=1.4.3-3 librhash0=1.4.3-3
for package in ./*.deb; do dpkg -x "$package" root; done
libraries=$(echo "$folder"/root/usr/lib/*-linux-gnu)

for name in a b c; do echo "$name" >"$name"; done
root/usr/bin/sha256sum --zero a b c >list
echo changed >b
echo changed >c

gnu=$(root/usr/bin/sha256sum --strict --warn -c list 2>&1) && gnu="$gnu, exit 0" || gnu="$gnu, exit $?"
echo "sha256sum: $gnu"
rhash=$(LD_LIBRARY_PATH=$libraries root/usr/bin/rhash -c list) && rhash="$rhash, exit 0" || rhash="$rhash, exit $?"
echo "rhash: $rhash"
[ "$gnu" = 'a: OK, exit 0' ]
[ "$(grep -c ' OK *$' <<<"$rhash")" = 1 ] && grep -q '^Everything OK, exit 0$' <<<"$rhash"
