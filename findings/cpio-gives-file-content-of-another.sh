#!/usr/bin/env bash
# An archive that GNU cpio writes by default holds one file's content in place of another's.
#
# Version: Debian 12's cpio 2.13, with bsdcpio 3.6.2 beside it. Needs a tmpfs at /dev/shm, where new files
# get inode numbers in a row.
# Expected: every file comes out of the archive as it went in, or cpio fails.
# Seen: `cpio -o` writes the format `bin`, which keeps 16 bits of an inode number, and knows the names of
# one file by that number alone. Of two files with two names each, whose numbers differ by a multiple of
# 65,536, the second comes out with the content of the first. Nothing is said when the archive is made or
# unpacked; both exit with 0. The formats odc and newc keep more bits (newc 32, of 64). bsdcpio gives each
# file a number of its own in the same format.
#
# Prints what comes out; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d /dev/shm/XXXXXXXX)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download cpio=2.13+dfsg-7.1 libarchive-tools=3.6.2-1+deb12u5 \
  libarchive13=3.6.2-1+deb12u5
for package in ./*.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH=$(echo "$folder"/root/usr/lib/*-linux-gnu)
mkdir tree
python3 - <<'EOP'
import os

def number(path):
    return os.stat(path).st_ino

def make(path, text):
    with open(path, 'w') as file:
        file.write(text)

make('tree/one', 'of one')
for _ in range(500_000):
    make('tree/two', 'of two')
    if (number('tree/two') - number('tree/one')) % 65536 == 0:
        break
    os.unlink('tree/two')
else:
    raise SystemExit('no such inode number')
for name in ('one', 'two'):
    os.link(f'tree/{name}', f'tree/{name}.link')
EOP
names='one one.link two two.link'
(cd tree && stat -c '%n: inode %i' one two)

try() { # try TITLE PROGRAM OPTION...: what cpio takes out of an archive by PROGRAM, and what both said
  local title=$1 status=0 name
  shift
  rm -rf out
  mkdir out
  (cd tree && printf '%s\n' $names | "$@" >../archive) 2>said || status=$?
  (cd out && "$cpio" -i <../archive) 2>>said || status=$?
  echo "$title: exit $status, $(grep -v '^[0-9]* blocks\?$' said | sed 's/.*: //' || true)"
  for name in $names; do echo "  $name: $(cat "out/$name")"; done
}

cpio=$folder/root/bin/cpio
seen=$(
  try 'cpio -o' "$cpio" -o
  try 'cpio -o -H odc' "$cpio" -o -H odc
  try 'cpio -o -H newc' "$cpio" -o -H newc
  try 'bsdcpio -o -H bin' "$(find "$folder/root" -name bsdcpio -type f)" -o -H bin
)
echo "$seen"
right='  one: of one
  one.link: of one
  two: of two
  two.link: of two'
[ "$seen" = "cpio -o: exit 0, 
  one: of one
  one.link: of one
  two: of one
  two.link: of one
cpio -o -H odc: exit 0, 
$right
cpio -o -H newc: exit 0, 
$right
bsdcpio -o -H bin: exit 0, 
$right" ] || { echo 'changed' >&2; exit 1; }
