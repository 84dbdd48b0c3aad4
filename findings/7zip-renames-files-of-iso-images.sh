#!/usr/bin/env bash
# Out of an ISO image 7-Zip puts deep directories elsewhere, and makes one file of two with long names; it
# says "Everything is Ok" and exits with 0.
#
# Version: Debian 12's 7zip 26.02 (7zz), with genisoimage 1.1.11; bsdtar 3.6.2 beside it.
# Expected: names as Rock Ridge tells them, which bsdtar gives from the same image.
# Seen: a directory below eight others is stored in `rr_moved`, with a link back (CL, RE and PL of Rock
# Ridge). 7zz leaves it there, and writes an empty file where it belongs. Of a long name, which goes on in
# another place (CE), it keeps the beginning: two files whose names have the same first 150 characters get
# one shorter name, the second over the first. So the tree has other files, and one fewer.
#
# Prints what each unpacks; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download 7zip=22.01+really26.02+dfsg-0+deb12u1 genisoimage=9:1.1.11-3.4 \
  libarchive-tools=3.6.2-1+deb12u5 libarchive13=3.6.2-1+deb12u5 libxml2=2.9.14+dfsg-1.3~deb12u6 \
  libicu72=72.1-3+deb12u1 libnettle8=3.8.1-2
for package in ./*.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH=$(echo "$folder"/root/usr/lib/*-linux-gnu)

long=$(printf 'n%.0s' $(seq 150))
mkdir -p tree/1/2/3/4/5/6/7/8/9
echo deep >tree/1/2/3/4/5/6/7/8/9/file
echo first >"tree/${long}1"
echo second >"tree/${long}2"
root/usr/bin/genisoimage -quiet -R -o image tree

files() { # files DIR: its files as NAME=CONTENT, with a row of n as its length
  (cd "$1" && find . -type f | LC_ALL=C sort | while IFS= read -r file; do
    row=$(tr -cd n <<<"$file")
    echo "$(sed "s/nn*/n{${#row}}/" <<<"${file#./}")=$(cat "$file")"
  done | paste -sd ' ')
}
mkdir by-bsdtar
"$(find root -name bsdtar -type f)" -xf image -C by-bsdtar
status=0
said=$("$(find root -name 7zz -type f | head -n 1)" x -y -oby-7zz image) || status=$?
verdict=$(grep -x 'Everything is Ok' <<<"$said" || true)
bsdtar=$(files by-bsdtar)
seven=$(files by-7zz)
echo "bsdtar: $bsdtar"
echo "7zz: exit $status, $verdict: $seven"
[ "$bsdtar" = '1/2/3/4/5/6/7/8/9/file=deep n{150}1=first n{150}2=second' ] && [ "$status $verdict" = '0 Everything is Ok' ] &&
  [[ $seven =~ ^1/2/3/4/5/6/7/8=\ n\{1..\}=second\ rr_moved/8/9/file=deep$ ]] ||
  { echo 'changed' >&2; exit 1; }
