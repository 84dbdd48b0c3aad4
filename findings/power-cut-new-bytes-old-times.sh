#!/usr/bin/env bash
# After a power cut a file on ext4 can hold new bytes under the size, mtime and ctime that it had before them.
#
# Version: Linux 6.18's ext4, made with Debian 12's e2fsprogs 1.47.0-2+b2, mounted with its default options (data=ordered).
# Needs root and a loop device.
# Expected: a journal takes a file's times to the disk no later than its bytes, so that a program that remembers sums by size
# and times (rsync, backup tools, build systems) sees after a crash which files it has to read again.
# Seen: bytes that overwrite a file in place with O_DIRECT are on the disk when write(2) returns; its times wait in memory for
# the next commit of the journal, some seconds. The device as it is in between, mounted again as after a power cut, has the
# new bytes under the old times.
#
# Prints what both show; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
finish() {
  for mount in before after; do
    mountpoint -q "$folder/$mount" && umount "$folder/$mount"
  done
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download e2fsprogs=1.47.0-2+b2
dpkg -x ./*.deb root

truncate -s 64M disk
root/sbin/mke2fs -q -t ext4 disk
mkdir before after
mount -o loop disk before
head -c 4096 /dev/zero | tr '\0' o >before/file
head -c 4096 /dev/zero | tr '\0' n >new
sync -f before
sleep 3

show() { stat -c '%s bytes, mtime %y, ctime %z' "$1/file"; }
old=$(show before)
dd if=new of=before/file bs=4096 conv=notrunc oflag=direct status=none
now=$(show before)
cp disk cut
mount -o loop cut after

echo "before the write:     $old"
echo "after the write:      $now"
echo "after the power cut:  $(show after), $(cmp -s new after/file && echo new bytes || echo old bytes)"
[ "$old" != "$now" ] && [ "$(show after)" = "$old" ] && cmp -s new after/file
