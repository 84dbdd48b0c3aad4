#!/usr/bin/env bash
# truncate(2) to the size that a file has moves its times on ext4, and not on btrfs and xfs; ftruncate(2)
# moves them on all.
#
# Version: Linux 6.x; Debian 12's e2fsprogs 1.47.0, btrfs-progs 6.2 and xfsprogs 6.1.0 make the file systems.
# Needs root and loop devices.
# Expected: one rule for both calls, and the same on each file system.
# Seen: as said above, for an empty file too; opening that with O_TRUNC moves its times everywhere. tmpfs is
# as ext4 for a file of five bytes, and as btrfs for an empty one.
#
# Prints which times move; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
finish() {
  for mount in ext4 btrfs xfs tmpfs; do mountpoint -q "$folder/$mount" && umount "$folder/$mount"; done
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download e2fsprogs=1.47.0-2+b2 btrfs-progs=6.2-1+deb12u2 \
  xfsprogs=6.1.0-1 libinih1=55-1 liburcu8=0.13.2-1
for package in ./*.deb; do dpkg -x "$package" root; done
libraries=$(echo "$folder"/root/usr/lib/*-linux-gnu):$(echo "$folder"/root/lib/*-linux-gnu)

mkdir ext4 btrfs xfs tmpfs
for kind in ext4 btrfs xfs; do truncate -s 400M "$kind.image"; done
root/sbin/mke2fs -q -t ext4 ext4.image
root/sbin/mkfs.btrfs -q btrfs.image 2>/dev/null
LD_LIBRARY_PATH=$libraries root/sbin/mkfs.xfs -q xfs.image
for kind in ext4 btrfs xfs; do mount -o loop "$kind.image" "$kind"; done
mount -t tmpfs none tmpfs

cat >times.py <<'EOP'
import os, sys, time

def moves(path, call):
    before = os.stat(path)
    time.sleep(0.05)
    call()
    after = os.stat(path)
    assert after.st_size == before.st_size
    return (after.st_mtime_ns, after.st_ctime_ns) != (before.st_mtime_ns, before.st_ctime_ns)

def open_with(flags, path, use=lambda descriptor: None):
    descriptor = os.open(path, flags)
    use(descriptor)
    os.close(descriptor)

seen = {}
for kind in ("ext4", "tmpfs", "btrfs", "xfs"):
    for size in (5, 0):
        path = f"{kind}/{size}"
        with open(path, "wb") as file:
            file.write(b"a" * size)
        calls = {
            "truncate": lambda: os.truncate(path, size),
            "ftruncate": lambda: open_with(os.O_WRONLY, path, lambda descriptor: os.ftruncate(descriptor, size)),
        }
        if size == 0:
            calls["O_TRUNC"] = lambda: open_with(os.O_WRONLY | os.O_TRUNC, path)
        for name, call in calls.items():
            seen[kind, size, name] = moves(path, call)
            print(f"{kind}, {size} bytes, {name}: times {'move' if seen[kind, size, name] else 'stay'}")
stay = {key for key, moved in seen.items() if not moved}
expected = {("btrfs", 5), ("btrfs", 0), ("xfs", 5), ("xfs", 0), ("tmpfs", 0)}
sys.exit(stay != {(*case, "truncate") for case in expected})
EOP
python3 times.py
