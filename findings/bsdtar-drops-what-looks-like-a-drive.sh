#!/usr/bin/env bash
# bsdtar packs the file `a:1` as `1`, and unpacks it so, on Linux, over the file of that name; it exits with
# 0.
#
# Version: Debian 12's bsdtar 3.6.2, beside GNU tar. On Linux a colon is a character of a name like any
# other.
# Expected: the tree comes out as it went in, as from GNU tar.
# Seen: a letter with a colon at the beginning of a name is taken for a drive of Windows and left out, by -c
# and by -x. An archive of bsdtar has two entries `1`; out of one by GNU tar bsdtar takes the second over
# the first. Standard error has "Removing leading drive letter from member names", once and without a name.
# With -P names stay.
#
# Prints what comes out; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download libarchive-tools=3.6.2-1+deb12u5 libarchive13=3.6.2-1+deb12u5 \
  libxml2=2.9.14+dfsg-1.3~deb12u6 libicu72=72.1-3+deb12u1 libnettle8=3.8.1-2
for package in ./*.deb; do dpkg -x "$package" root; done
bsdtar() { LD_LIBRARY_PATH=$(echo "$folder"/root/usr/lib/*-linux-gnu) "$(find "$folder/root" -name bsdtar -type f)" "$@"; }

mkdir tree
echo one >tree/1
echo another >tree/a:1
changed=0
expect() { # expect TITLE SEEN WANTED
  echo "$1: $2"
  [ "$2" = "$3" ] || { echo "  changed: it was $3" >&2; changed=1; }
}
unpack() { # unpack PROGRAM OPTION...: the exit status, and the files as NAME=CONTENT
  local status=0
  rm -rf out
  mkdir out
  "$@" -f archive -C out 2>said || status=$?
  echo "exit $status, $(cd out && for file in *; do echo "$file=$(cat "$file")"; done | paste -sd ' ')"
}
bsdtar -cf archive -C tree 1 a:1 2>said
expect 'bsdtar -c, as tar -t lists it' "$(tar -tf archive | paste -sd ' ')" '1 1'
echo "  it says: $(cat said)"
bsdtar -cPf archive -C tree 1 a:1
expect 'bsdtar -cP, as tar -t lists it' "$(tar -tf archive | paste -sd ' ')" '1 a:1'
tar -cf archive -C tree 1 a:1
expect 'tar -c, bsdtar -x' "$(unpack bsdtar -x)" 'exit 0, 1=another'
echo "  it says: $(cat said)"
expect 'tar -c, bsdtar -xP' "$(unpack bsdtar -xP)" 'exit 0, 1=one a:1=another'
expect 'tar -c, tar -x' "$(unpack tar -x)" 'exit 0, 1=one a:1=another'
exit "$changed"
