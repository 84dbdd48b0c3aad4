#!/usr/bin/env bash
# A file of 1969 is of 2105 in a squashfs image, and one of 2200 is of 2063; mksquashfs says nothing and exits
# with 0.
#
# Version: Debian 12's squashfs-tools 4.5.1, Linux 6.x. Needs root and a loop device.
# Expected: times that the format cannot hold are clamped, or told of.
# Seen: they are cut to 32 bits without a sign, so an old file becomes the newest of the tree, and a newer one
# an older.
#
# Prints the times; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
finish() {
  mountpoint -q "$folder/mounted" && umount "$folder/mounted"
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download squashfs-tools=1:4.5.1-1
dpkg -x ./*.deb root
mkdir tree mounted
touch -d '1969-07-20 20:17:00 UTC' tree/old
touch -d '2026-01-01 00:00:00 UTC' tree/present
touch -d '2200-01-01 00:00:00 UTC' tree/far
said=$(root/usr/bin/mksquashfs tree image -quiet -no-progress 2>&1)
mount -o loop image mounted
echo "mksquashfs: exit 0, '$said'"
for name in old present far; do
  echo "$name: $(TZ=UTC stat -c %y "tree/$name" | cut -c 1-19), in the image $(TZ=UTC stat -c %y "mounted/$name" | cut -c 1-19)"
done
[ "$said $(stat -c %Y mounted/old mounted/present mounted/far | paste -sd ' ')" = ' 4280784316 1767225600 2963151104' ]
