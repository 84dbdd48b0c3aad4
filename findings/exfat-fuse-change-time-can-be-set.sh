#!/usr/bin/env bash
# On exfat-fuse `touch -r` puts the change time (ctime) back with the modification time.
#
# Version: Debian 12's exfat-fuse 1.3.0+git20220115-2 and exfatprogs 1.2.0-1+deb12u1. Needs root, /dev/fuse and a loop device.
# Expected: whoever sets a file's mtime moves its ctime to now, so that ctime tells of every change. Programs that
# remember sums (git, rsync's and backup tools' caches) rest on that.
# Seen: the driver reports the mtime as the ctime. After a write of the same size, `touch -r` restores the whole of
# what stat shows: inode, size, mtime and ctime.
#
# Prints both; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
device=
finish() {
  mountpoint -q "$folder/mount" && umount "$folder/mount"
  [ -z "$device" ] || losetup -d "$device"
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
for package in exfat-fuse=1.3.0+git20220115-2 exfatprogs=1.2.0-1+deb12u1; do
  apt-get -qq -o APT::Sandbox::User=root download "$package"
done
for archive in ./*.deb; do dpkg -x "$archive" root; done

truncate -s 32M image
export PATH=$folder/root/usr/sbin:$folder/root/sbin:$PATH
mkfs.exfat image >/dev/null
device=$(losetup -f --show image)
mkdir mount
mount.exfat-fuse "$device" mount 2>/dev/null >&2

show() { stat -c 'inode %i, %s bytes, mtime %y, ctime %z' mount/file; }

printf 'old bytes' >mount/file
touch -d 2020-02-02T02:02:02Z mount/file
before=$(show)
printf 'new bytes' >mount/file
touch -d 2020-02-02T02:02:02Z mount/file
after=$(show)

echo "before: $before"
echo "after:  $after, holding '$(cat mount/file)'"
[ "$before" = "$after" ] && [ "$(cat mount/file)" = 'new bytes' ]
