#!/usr/bin/env bash
# Stores through a shared mapping change a file's bytes and none of its times, even across msync and close.
#
# Version: Linux 6.x with ext4 (e2fsprogs 1.47.0-2+b2 of Debian 12 makes the image) and tmpfs; Python 3 does the stores.
# Needs root and a loop device.
# Expected (POSIX, mmap and msync): mtime and ctime are marked for update between a store and the next msync, so
# a sum that was remembered under the times before the store is not believed after msync.
# Seen on ext4: only the first store into a clean page moves the times. A second store into the page, msync(MS_SYNC),
# munmap and close move none. After an fsync by anybody, a reader too, the next store moves them again.
# Seen on tmpfs: once a page was read through the mapping, no store into it moves any time at all.
#
# Prints what was seen; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
finish() {
  for mount in disk memory; do mountpoint -q "$folder/$mount" && umount "$folder/$mount"; done
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download e2fsprogs=1.47.0-2+b2
dpkg -x ./*.deb root
truncate -s 32M image
root/sbin/mke2fs -q -t ext4 image
mkdir disk memory
mount -o loop image disk
mount -t tmpfs none memory

cat >store.py <<'EOP'
import mmap, os, sys, time

def times(path):
    stats = os.stat(path)
    return stats.st_mtime_ns, stats.st_ctime_ns

def look(title, path, before):
    after = times(path)
    print(f"  {title}: times {'move' if after != before else 'stay'}")
    return after != before

def run(path, reads_first):
    with open(path, "wb") as file:
        file.write(b"0" * 4096)
        file.flush()
        os.fsync(file.fileno())
    moved = []
    with open(path, "r+b") as file:
        pages = mmap.mmap(file.fileno(), 4096)
        if reads_first:
            pages[0]
        time.sleep(0.1)
        before = times(path)
        pages[0:1] = b"1"
        moved.append(look("first store", path, before))
        time.sleep(0.1)
        before = times(path)
        pages[0:1] = b"2"
        moved.append(look("second store into the same page", path, before))
        pages.flush()
        moved.append(look("msync", path, before))
        time.sleep(0.1)
        before = times(path)
        pages[0:1] = b"3"
        moved.append(look("store after msync", path, before))
        pages.close()
    return moved

print("ext4:")
disk = run("disk/file", True)
print("tmpfs:")
memory = run("memory/file", True)
sys.exit(0 if disk == [True, False, False, True] and memory == [False] * 4 else 1)
EOP
python3 store.py
