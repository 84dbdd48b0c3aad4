#!/usr/bin/env bash
# fuse2fs shows the times of an ext4 file system in whole seconds, so other bytes written within the second
# look like the old ones by all that stat shows.
#
# Version: Debian 12's fuse2fs (e2fsprogs) 1.47.0, on Linux 6.18; needs root, /dev/fuse and a loop device.
# Expected: the times of ext4, to the nanosecond, as the kernel shows them.
# Seen: inode, size, modification time and change time are the same before and after a write; a time that was
# set to the nanosecond is shown without its fraction. The fractions are in the file system: the kernel shows
# them when it mounts the same image, so each file has changed for a program that compares times over both.
#
# Prints what stat shows; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
finish() {
  umount "$folder/mount" 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download fuse2fs=1.47.0-2+b2 libfuse2=2.9.9-6+b1 libext2fs2=1.47.0-2+b2 \
  e2fsprogs=1.47.0-2+b2 libcom-err2=1.47.0-2+b2
for package in ./*.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH="$(echo "$folder"/root/usr/lib/*-linux-gnu):$(echo "$folder"/root/lib/*-linux-gnu)"

truncate -s 32M image
root/sbin/mkfs.ext4 -q -F image
mkdir mount
facts() { stat -c 'inode %i, %s bytes, %y, %z' mount/file; }

root/usr/bin/fuse2fs image mount
echo old >mount/file
touch -d '2026-01-01 00:00:00.123456789' mount/set
python3 -c 'import time; time.sleep(1.02 - time.time() % 1)' # a second begins
echo one >mount/file
first=$(cat mount/file) first_facts=$(facts)
sleep 0.2
echo two >mount/file
second=$(cat mount/file) second_facts=$(facts)
set_there=$(stat -c %y mount/set)
umount mount
for _ in $(seq 50); do # fuse2fs writes the image after umount has returned
  mount -o loop,ro image mount 2>/dev/null && break
  sleep 0.1
done
kernel_facts=$(facts)
set_here=$(stat -c %y mount/set)
echo "$first by fuse2fs: $first_facts"
echo "$second by fuse2fs: $second_facts"
echo "$(cat mount/file) by the kernel: $kernel_facts"
echo "set to a nanosecond: by fuse2fs $set_there, by the kernel $set_here"
[ "$first $second" = 'one two' ] && [ "$first_facts" = "$second_facts" ] && [ "$kernel_facts" != "$second_facts" ] &&
  [[ $set_there == *' 00:00:00.000000000 '* && $set_here == *' 00:00:00.123456789 '* ]] ||
  { echo 'changed, or the second ended too soon: run it once more' >&2; exit 1; }
