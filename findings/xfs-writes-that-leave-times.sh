#!/usr/bin/env bash
# On XFS a write through a file's handle, and a swap of the extents of two files, change bytes and no time.
#
# Version: Linux 6.x; Debian 12's xfsprogs 6.1.0 (mkfs.xfs, xfs_io, libhandle). Needs root, Python 3 and a
# loop device.
# Expected: nobody can keep a file's change time (ctime) from moving when its bytes change: `touch` cannot set
# it, and write(2) moves it.
# Seen: through a descriptor of open_by_handle (libhandle, for archivers that move files to tape and back)
# write(2) moves neither mtime nor ctime. `xfs_io -c 'swapext OTHER' FILE`, the call that xfs_fsr defragments
# with, gives two files of one size each other's bytes, without a look at them, and leaves inodes, sizes and
# times as they were. All of it is the same after the file system was mounted again. `xfs_io` and
# open_by_handle need root.
#
# Prints the bytes and what stat shows; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
finish() {
  mountpoint -q "$folder/mounted" && umount "$folder/mounted"
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download xfsprogs=6.1.0-1 libinih1=55-1 liburcu8=0.13.2-1
for package in ./*.deb; do dpkg -x "$package" root; done
libraries=$(echo "$folder"/root/usr/lib/*-linux-gnu):$(echo "$folder"/root/lib/*-linux-gnu)
truncate -s 400M image
LD_LIBRARY_PATH=$libraries root/sbin/mkfs.xfs -q image
mkdir mounted
mount -o loop image mounted

cat >write-by-handle.py <<'EOP'
import ctypes, os, sys

library = ctypes.CDLL("libhandle.so.1", use_errno=True)
handle, length = ctypes.c_void_p(), ctypes.c_size_t()
for find, path in ((library.path_to_fshandle, b"mounted"), (library.path_to_handle, b"mounted/archived")):
    if find(path, ctypes.byref(handle), ctypes.byref(length)) != 0:
        sys.exit("no handle")
descriptor = library.open_by_handle(handle, length, os.O_RDWR)
if descriptor < 0:
    sys.exit(os.strerror(ctypes.get_errno()))
os.write(descriptor, b"new bytes")
os.close(descriptor)
EOP
show() { # show: the bytes, inode, size, mtime and ctime of each file
  (cd mounted && for name in archived left right; do echo "$name $(cat "$name") $(stat -c '%i %s %y %z' "$name")"; done)
}

printf 'old bytes' >mounted/archived
printf 'of the left' >mounted/left
printf 'on a right.' >mounted/right
sync -f mounted/left
before=$(show)
sleep 1
LD_LIBRARY_PATH=$libraries python3 write-by-handle.py
LD_LIBRARY_PATH=$libraries root/usr/sbin/xfs_io -c 'swapext mounted/right' mounted/left
umount mounted
mount -o loop image mounted
after=$(show)
echo "before:
$before
after:
$after"
[ "$after" = "$(sed 's/old bytes/new bytes/;s/of the left/OTHER/;s/on a right\./of the left/;s/OTHER/on a right./' <<<"$before")" ] &&
  [ "$after" != "$before" ]
