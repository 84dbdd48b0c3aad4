#!/usr/bin/env bash
# A tar archive that `tar -u` or `tar -r` brought up to date gives the old content on archivemount and in
# sqfstar's image; `tar -xO` gives both contents one behind the other.
#
# Versions: Debian 12's tar 1.34, archivemount 0.8.7 (libarchive 3.6.2), squashfs-tools 4.5.1. Needs root and
# /dev/fuse.
# Expected (tar's manual, "Updating an Archive"): the new copy is added at the end, and the last one of a name
# counts, as `tar -x` and `bsdtar -x` have it.
# Seen: archivemount shows the first copy, with its size, and says nothing. sqfstar writes the first into the
# image, says "already exists in the tar file, ignoring" of the newer, and exits with 0. `tar -xOf archive file`
# and bsdtar's print the old content and the new one as one stream, a content that no file ever had.
# `--occurrence=1` of tar gives the old.
#
# Prints what each gives; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
finish() {
  mountpoint -q "$folder/mounted" && umount "$folder/mounted"
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download tar=1.34+dfsg-1.2+deb12u1 archivemount=0.8.7-1+b1 \
  libarchive13=3.6.2-1+deb12u5 libarchive-tools=3.6.2-1+deb12u5 libfuse2=2.9.9-6+b1 \
  libxml2=2.9.14+dfsg-1.3~deb12u6 libicu72=72.1-3+deb12u1 libnettle8=3.8.1-2 squashfs-tools=1:4.5.1-1 \
  liblzo2-2=2.10-2
for package in ./*.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH="$(echo "$folder"/root/usr/lib/*-linux-gnu):$(echo "$folder"/root/lib/*-linux-gnu)"
export PATH=$folder/root/bin:$folder/root/usr/bin:$PATH

mkdir tree mounted by-tar by-bsdtar
echo old >tree/file
touch -d '2020-01-01 UTC' tree/file
tar -cf archive -C tree file
echo newer >tree/file
tar -uf archive -C tree file

changed=0
expect() { # expect TITLE SEEN WANTED
  echo "$1: $2"
  [ "$2" = "$3" ] || { echo "  changed: it was $3" >&2; changed=1; }
}
expect 'tar -t' "$(tar -tf archive | paste -sd ' ')" 'file file'
tar -xf archive -C by-tar
expect 'tar -x' "$(cat by-tar/file)" newer
bsdtar -xf archive -C by-bsdtar
expect 'bsdtar -x' "$(cat by-bsdtar/file)" newer
archivemount -o readonly archive mounted
expect archivemount "$(cat mounted/file), $(stat -c %s mounted/file) bytes" 'old, 4 bytes'
umount mounted
status=0
sqfstar image <archive >said 2>&1 || status=$?
expect sqfstar "exit $status, $(unsquashfs -cat image file)" 'exit 0, old'
echo "  it says: $(grep ignoring said)"
expect 'tar -xO' "$(tar -xOf archive file | paste -sd ' ')" 'old newer'
expect 'bsdtar -xO' "$(bsdtar -xOf archive file | paste -sd ' ')" 'old newer'
expect 'tar -xO --occurrence=1' "$(tar -xOf archive --occurrence=1 file)" old
exit "$changed"
