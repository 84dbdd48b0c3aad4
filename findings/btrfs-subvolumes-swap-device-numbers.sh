#!/usr/bin/env bash
# Two subvolumes of one btrfs swap their device numbers when they are mounted in another order.
#
# Version: Debian 12's btrfs-progs 6.2-1+deb12u2, Linux 6.x. Needs root and a loop device.
# Expected: (st_dev, st_ino) is what POSIX calls the identity of a file; it may differ after a remount, but then it
# belongs to no other file.
# Seen: st_dev of a subvolume is given out at its first use after the mount, in order, and inodes of every subvolume
# count from 256. So after a remount (device, inode) of a file in one subvolume is that of another file in the other.
#
# Prints both; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
device=
finish() {
  for mount in one two whole; do mountpoint -q "$folder/$mount" && umount "$folder/$mount"; done
  [ -z "$device" ] || losetup -d "$device"
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download btrfs-progs=6.2-1+deb12u2
dpkg -x ./*.deb root
export PATH=$folder/root/sbin:$folder/root/bin:$folder/root/usr/bin:$PATH
truncate -s 128M image
mkfs.btrfs -q image >/dev/null 2>&1
device=$(losetup -f --show image)
mkdir one two whole
mount "$device" whole
for subvolume in one two; do
  btrfs -q subvolume create "whole/$subvolume"
  printf '%s' "$subvolume" >"whole/$subvolume/file"
done
umount whole

show() { # show FIRST SECOND: mounts them in this order and prints the identity of each one's file
  for subvolume in "$1" "$2"; do mount -o "subvol=$subvolume" "$device" "$subvolume"; done
  for subvolume in "$1" "$2"; do stat -c "%d %i" "$subvolume/file" >"$subvolume.identity"; done
  echo "mounted '$1' first: file of 'one' is $(cat one.identity), file of 'two' is $(cat two.identity)"
  umount one two
}

show one two
one=$(cat one.identity)
two=$(cat two.identity)
show two one
[ "$(cat one.identity)" = "$two" ] && [ "$(cat two.identity)" = "$one" ] && [ "$one" != "$two" ]
