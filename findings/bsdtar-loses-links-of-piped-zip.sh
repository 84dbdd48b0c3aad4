#!/usr/bin/env bash
# `curl … | bsdtar -x` of a zip file makes a file of each symbolic link, and no program can be run; the same
# zip file unpacked from the disk is right.
#
# Version: Debian 12's libarchive-tools 3.6.2; the archive is by Info-ZIP's zip 3.0 with -y.
# Expected: the same tree, since it is the same bytes and the same program; or a warning.
# Seen: the types and modes of a zip file's entries stand in the directory at its end, which bsdtar does not
# read where it cannot seek. So a link comes out as a file with the name of its target for content, a program
# with mode 664, with exit 0 and no word. Given as standard input from a file
# (`<`) it is right. Archives that bsdtar wrote itself fare no better.
#
# Prints both trees; exits 1 if that is no longer so.
set -euo pipefail
umask 002

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download libarchive-tools=3.6.2-1+deb12u5 libarchive13=3.6.2-1+deb12u5 \
  libxml2=2.9.14+dfsg-1.3~deb12u6 libicu72=72.1-3+deb12u1 libnettle8=3.8.1-2 zip=3.0-13+deb12u1
for package in ./*.deb; do dpkg -x "$package" root; done
bsdtar() { LD_LIBRARY_PATH=$(echo "$folder"/root/usr/lib/*-linux-gnu) root/usr/bin/bsdtar "$@"; }

mkdir tree
printf '#!/bin/sh\n' >tree/program
chmod 755 tree/program
ln -s program tree/link
(cd tree && ../root/usr/bin/zip -q -y ../tree.zip link program)
bsdtar --format=zip -cf own.zip -C tree link program

changed=0
try() { # try TITLE WANTED: the exit status of bsdtar, what it said, and types and modes of what it unpacked
  local status=0 seen
  rm -rf out
  mkdir out
  bsdtar -xf - -C out >said 2>&1 || status=$?
  seen="exit $status, $(cd out && find . -mindepth 1 -printf '%f %y %m\n' | sort | paste -sd ' ')$(cat said)"
  echo "$1: $seen"
  [ "$seen" = "$2" ] || { echo "  changed: it was $2" >&2; changed=1; }
}
right='exit 0, link l 777 program f 755'
try 'from a file' "$right" <tree.zip
try 'from a pipe' 'exit 0, link f 664 program f 664' < <(cat tree.zip)
echo "  link is now a file with the content: $(cat out/link)"
[ "$(cat out/link)" = program ] || changed=1
try "bsdtar's own, from a pipe" 'exit 0, link f 664 program f 664' < <(cat own.zip)
exit "$changed"
