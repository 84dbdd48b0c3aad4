#!/usr/bin/env bash
# A squashfs image that is made again with other bytes looks, by all that stat shows, like the one before.
#
# Version: Debian 12's squashfs-tools 1:4.5.1-1. Needs root, a kernel with squashfs and a loop device.
# Expected: another image is another file system, so at least the device number or the change times tell it.
# Seen: mksquashfs numbers inodes by the order of the tree, and squashfs keeps one time for a file, which it reports
# as its ctime too; a loop device that is used again has the same number. Device, inode, size, mtime and ctime are all
# the same, and the bytes are others: nothing remembered by them across a remount is worth anything.
#
# Prints both; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
device=
finish() {
  mountpoint -q "$folder/mount" && umount "$folder/mount"
  [ -z "$device" ] || losetup -d "$device" 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download squashfs-tools=1:4.5.1-1
dpkg -x ./*.deb root
mkdir source mount
device=$(losetup -f)

show() { # show BYTES: makes an image of one file with these bytes, and prints what stat says of it and the bytes
  printf '%s' "$1" >source/file
  touch -d 2020-02-02T02:02:02Z source/file source
  root/usr/bin/mksquashfs source image -noappend -quiet -no-progress >/dev/null
  losetup "$device" image
  mount -o ro "$device" mount
  stat -c 'device %d, inode %i, %s bytes, mtime %y, ctime %z' mount/file >seen
  cat mount/file >bytes
  umount mount
  losetup -d "$device"
}

show 'old bytes'
before=$(cat seen)
old=$(cat bytes)
show 'new bytes'
after=$(cat seen)
new=$(cat bytes)

echo "first image:  $before, holding '$old'"
echo "second image: $after, holding '$new'"
[ "$before" = "$after" ] && [ "$old" != "$new" ]
