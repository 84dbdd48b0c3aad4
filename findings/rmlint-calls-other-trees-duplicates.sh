#!/usr/bin/env bash
# rmlint -D calls two directories duplicates in which every name has another content, and writes a script
# that removes one of them.
#
# Version: Debian 12's rmlint 2.9.0, with -D (--merge-directories).
# Expected: directories are duplicates when the same names hold the same contents, as in `diff -r`.
# Seen: it is enough that they hold the same contents, under any names and at any depth. Two directories whose
# files have each other's content are duplicates, so is a flat one of a nested one, and an empty file in one of
# them does not count. --honour-dir-layout heeds the depth, and still neither the names nor empty files. The
# script that it writes removes the second directory, and with it which content had which name.
#
# Prints the pairs and what is said of each; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download rmlint=2.9.0-2.5~deb12u1 libjson-glib-1.0-0=1.6.6-1 \
  libglib2.0-0=2.74.6-2+deb12u9 libelf1=0.188-2.1
for package in ./*.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH="$(echo "$folder"/root/usr/lib/*-linux-gnu):$(echo "$folder"/root/lib/*-linux-gnu)"

mkdir -p swapped/a swapped/b nested/a/deep nested/b empty/a empty/b other/a other/b
echo 'price 10' >swapped/a/old
echo 'price 20' >swapped/a/new
echo 'price 20' >swapped/b/old
echo 'price 10' >swapped/b/new
echo content >nested/a/deep/x
echo content >nested/b/y
for pair in empty other; do echo content | tee "$pair/a/x" >"$pair/b/x"; done
touch empty/b/__init__.py
echo more >other/b/more

changed=0
try() { # try WANTED PAIR OPTION...: whether rmlint takes the two directories of PAIR for duplicates
  local wanted=$1 pair=$2 seen=no
  shift 2
  root/usr/bin/rmlint -D "$@" -o json:found.json -o sh:script.sh "$pair" >/dev/null 2>&1
  grep -q '"type": "duplicate_dir"' found.json && seen=yes
  echo "$pair ${*:-}: $seen"
  [ "$seen" = "$wanted" ] || { echo "  changed: it was $wanted" >&2; changed=1; }
}
try yes swapped
try yes nested
try yes empty
try no other
try yes swapped --honour-dir-layout
try no nested --honour-dir-layout
try yes empty --honour-dir-layout
try yes swapped # once more, for its script
sh script.sh -d -q >/dev/null 2>&1
left=$(find swapped -mindepth 1 -maxdepth 1)
echo "left by script.sh: $left"
[ "$(echo "$left" | wc -l)" = 1 ] || { echo '  changed: one directory was left' >&2; changed=1; }
exit "$changed"
