#!/usr/bin/env bash
# On ntfs-3g a file with two names gives its old bytes by one name after a write by the other.
#
# Version: Debian 12's ntfs-3g 1:2022.10.3-1+deb12u4 (and libntfs-3g89 of the same version). Needs root and /dev/fuse.
# Expected: hard links are names of one file, so a write by one name is read by the other.
# Seen: stat shows the new times by both names, and a reader by the second name still gets the old bytes: the kernel
# keeps a cache for each name, and the driver drops only that of the name written by. Whoever hashes the file then
# remembers a wrong digest under the right size and times.
#
# Prints what was seen; exits 1 if that is no longer so.
set -euo pipefail

version=1:2022.10.3-1+deb12u4
folder=$(mktemp -d)
finish() {
  mountpoint -q "$folder/mount" && umount "$folder/mount"
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
for package in ntfs-3g libntfs-3g89; do
  apt-get -qq -o APT::Sandbox::User=root download "$package=$version"
done
for archive in ./*.deb; do dpkg -x "$archive" root; done
libraries=$(dirname "$(find "$folder/root" -name 'libntfs-3g.so*' | head -n 1)")
export LD_LIBRARY_PATH=$libraries

truncate -s 32M image
find root -name mkntfs -exec {} --force --quick --quiet image \; >/dev/null 2>&1
mkdir mount
"$(find root -name ntfs-3g -type f -o -name ntfs-3g -type l | grep '/bin/' | head -n 1)" image mount

printf 'old bytes' >mount/first
ln mount/first mount/second
cat mount/second >/dev/null
printf 'new bytes' >mount/first

echo "mtime by the first name:  $(stat -c %y mount/first)"
echo "mtime by the second name: $(stat -c %y mount/second)"
echo "read by the first name:   $(cat mount/first)"
echo "read by the second name:  $(cat mount/second)"
[ "$(cat mount/first)" = 'new bytes' ] && [ "$(cat mount/second)" = 'old bytes' ]
