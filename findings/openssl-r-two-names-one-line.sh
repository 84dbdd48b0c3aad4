#!/usr/bin/env bash
# openssl dgst -r writes the same line for two files of different names.
#
# Version: openssl 3.0.20-1~deb12u2. Its -r writes the format of coreutils.
# Expected (coreutils): a line that begins with a backslash has each line feed of the name as `\n` and each
# backslash as `\\`.
# Seen: openssl begins the line with a backslash and writes line feeds as `\n`, but leaves backslashes as they
# are. A name with a line feed and a backslash is then read as another name: sha256sum -c of the list opens
# that file, and where it is there and differs, the file that is whole is called wrong.
#
# Prints both lines; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download openssl=3.0.20-1~deb12u2 libssl3=3.0.20-1~deb12u2
for package in ./*.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH=$(echo "$folder"/root/usr/lib/*-linux-gnu)
root/usr/bin/openssl version

feeds=$'a\nb\nc'
mixed=$'a\nb\\nc'
echo same | tee "$feeds" >"$mixed"
first=$(root/usr/bin/openssl dgst -r -sha256 "$feeds" | cut -c 1,66-)
second=$(root/usr/bin/openssl dgst -r -sha256 "$mixed" | cut -c 1,66-)
echo "a, line feed, b, line feed, c:       $first"
echo "a, line feed, b, backslash, n, c:    $second"

root/usr/bin/openssl dgst -r -sha256 "$mixed" >list
rm "$feeds"
sha256sum --status -c list 2>/dev/null && whole=OK || whole=wrong
echo "the list of the second file, which is whole: $whole"
[ "$first" = '\ *a\nb\nc' ] && [ "$second" = "$first" ] && [ "$whole" = wrong ]
