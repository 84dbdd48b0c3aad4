#!/usr/bin/env bash
# On overlayfs a chmod gives a file another birth time, while its device, inode and modification time stay.
#
# Version: Linux 6.x, overlay of two directories of one ext4 (e2fsprogs 1.47.0-2+b2 of Debian 12 makes it).
# Needs root and a loop device.
# Expected: the birth time belongs to the inode, so what has the same device and inode has the same birth
# time.
# Seen: the first change of a file of the lower layer copies it up. stat goes on to give the device and the
# inode number of before, but the birth time of the copy, which is then later than the modification time.
#
# Prints both; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
finish() {
  for mount in disk/merged disk; do mountpoint -q "$folder/$mount" && umount "$folder/$mount"; done
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download e2fsprogs=1.47.0-2+b2
dpkg -x ./*.deb root
truncate -s 32M image
root/sbin/mke2fs -q -t ext4 image
mkdir disk
mount -o loop image disk
mkdir disk/{lower,upper,work,merged}
echo one >disk/lower/file
sleep 0.1
mount -t overlay none -o lowerdir=disk/lower,upperdir=disk/upper,workdir=disk/work disk/merged

look() { stat -c "$1" disk/merged/file; }
identity=$(look '%d %i %Y %s')
birth=$(look %w)
echo "before: device, inode, mtime, size $identity, birth $birth"
chmod 600 disk/merged/file
echo "after chmod:                       $(look '%d %i %Y %s'), birth $(look %w)"
[ "$(look '%d %i %Y %s')" = "$identity" ] && [ "$(look %w)" \> "$birth" ] && [ "$(look %w)" \> "$(look %y)" ]
