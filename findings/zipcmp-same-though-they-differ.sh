#!/usr/bin/env bash
# zipcmp calls zip files the same whose files have other bytes, with -t too, and a link the same as a file.
#
# Version: Debian 12's zipcmp (libzip) 1.7.3, with Info-ZIP's zip 3.0 and unzip 6.0 beside it.
# Expected: zipcmp tells whether the files in two zip files are the same, and its -t, which "tests" them by
# reading each, fails when a file does not match its checksum.
# Seen: it compares names, sizes and the CRC-32 that the archives state. Bytes that have changed in an archive
# go unseen; with -t it prints "CRC error" and exits with 0 all the same. A symbolic link is the same as a
# file that holds its target, and a program as a file without the execute bits, with -p ("paranoid") too.
#
# Prints the answers; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download zipcmp=1.7.3-1+b1 libzip4=1.7.3-1+b1 zip=3.0-13+deb12u1 \
  unzip=6.0-28+deb12u1
for package in ./*.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH=$(echo "$folder"/root/usr/lib/*-linux-gnu) PATH=$folder/root/usr/bin:$PATH

mkdir one other link target program
echo 'the content' >one/file
cp -p one/file program/file
chmod +x program/file
echo 'the CONTENT' >other/file
ln -s 'the target' link/file
printf 'the target' >target/file
for name in one other link target program; do
  (cd "$name" && zip -q -0 -y "../$name.zip" file)
done
sed 's/the content/the CONTENT/' one.zip >rotten.zip

try() { # try TITLE OPTION... ONE OTHER: the exit status of zipcmp, and what it says
  local status=0
  zipcmp "${@:2}" >said 2>&1 || status=$?
  echo "$1: exit $status$(grep -o 'CRC error' said | sed 's/^/, /' || true)"
}
{
  try 'other bytes' one.zip other.zip
  try 'other bytes, in the archive' one.zip rotten.zip
  try 'other bytes, in the archive, -t' -t one.zip rotten.zip
  try 'link and file' -p link.zip target.zip
  try 'execute bits' -p one.zip program.zip
  status=0
  unzip -tq rotten.zip >/dev/null 2>&1 || status=$?
  echo "unzip -t: exit $status"
} >seen
cat seen
diff - seen <<'EOF'
other bytes: exit 1
other bytes, in the archive: exit 0
other bytes, in the archive, -t: exit 0, CRC error
link and file: exit 0
execute bits: exit 0
unzip -t: exit 2
EOF
