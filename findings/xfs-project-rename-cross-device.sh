#!/usr/bin/env bash
# On one XFS, rename and link between two directories fail with "Invalid cross-device link", though no quota
# is on.
#
# Version: Linux 6.x; Debian 12's xfsprogs 6.1.0 makes the file system, which is mounted without options.
# Needs root and a loop device.
# Expected: EXDEV means another file system; directories with the same device number take each other's files.
# Seen: a directory with a project id and the flag that new files inherit it takes no file of another project.
# The id and the flag stay on the disk when project quotas are off, and so does the refusal. A file can leave
# such a directory for one without the flag.
#
# Prints what each call did; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
finish() {
  mountpoint -q "$folder/disk" && umount "$folder/disk"
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download xfsprogs=6.1.0-1 libinih1=55-1 liburcu8=0.13.2-1
for package in ./*.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH=$(echo "$folder"/root/usr/lib/*-linux-gnu):$(echo "$folder"/root/lib/*-linux-gnu)
truncate -s 400M image
root/sbin/mkfs.xfs -q image
mkdir disk
mount -o loop image disk
mkdir disk/{first,second,free}

cat >calls.py <<'EOP'
import errno, fcntl, os, struct, sys

def set_project(path, project):
    """What `xfs_quota -x -c 'project -s'` does: FS_IOC_FSGETXATTR and FS_IOC_FSSETXATTR with FS_XFLAG_PROJINHERIT."""
    descriptor = os.open(path, os.O_RDONLY)
    fields = bytearray(28)
    fcntl.ioctl(descriptor, 0x801C581F, fields)
    flags, extent_size, extents, _, cow_extent_size = struct.unpack_from("5I", fields)
    struct.pack_into("5I", fields, 0, flags | 0x200, extent_size, extents, project, cow_extent_size)
    fcntl.ioctl(descriptor, 0x401C5820, bytes(fields))
    os.close(descriptor)

def attempt(title, call, *paths):
    try:
        call(*paths)
        outcome = "done"
    except OSError as error:
        outcome = errno.errorcode[error.errno]
    print(f"{title}: {outcome}")
    return outcome

set_project("disk/first", 1)
set_project("disk/second", 2)
open("disk/first/file", "w").close()
same = os.stat("disk/first").st_dev == os.stat("disk/second").st_dev
print(f"the two directories have {'the same' if same else 'another'} device number")
outcomes = [
    attempt("link from one to the other", os.link, "disk/first/file", "disk/second/file"),
    attempt("rename from one to the other", os.rename, "disk/first/file", "disk/second/file"),
    attempt("rename to one without a project", os.rename, "disk/first/file", "disk/free/file"),
]
sys.exit(0 if same and outcomes == ["EXDEV", "EXDEV", "done"] else 1)
EOP
python3 calls.py
