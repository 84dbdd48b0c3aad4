#!/usr/bin/env bash
# On archivemount a file that is renamed over another is lost, and the old content stays, in the mount and
# in the archive; mv and rsync exit with 0.
#
# Version: Debian 12's archivemount 0.8.7, with libarchive 3.6.2 and libfuse 2.9.9. Needs root and
# /dev/fuse.
# Expected: rename(2) replaces the file that has the name, as programs that write whole files or none rely
# on.
# Seen: rename returns 0, the new file is gone, and the name still has the old content. `mv new old` and
# `rsync -a` say nothing. Where the old file is removed first, the new content is read in the mount, and the
# archive, written at the unmount, has no file of the name at all. A write into the file itself (cp)
# arrives.
#
# Prints what was read; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
finish() {
  mountpoint -q "$folder/mounted" && umount "$folder/mounted"
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download archivemount=0.8.7-1+b1 libarchive13=3.6.2-1+deb12u5 \
  libfuse2=2.9.9-6+b1 libxml2=2.9.14+dfsg-1.3~deb12u6 libicu72=72.1-3+deb12u1 libnettle8=3.8.1-2 \
  rsync=3.5.0+ds1-0+deb12u1 libpopt0=1.19+dfsg-1 libxxhash0=0.8.1-1
for package in ./*.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH="$(echo "$folder"/root/usr/lib/*-linux-gnu):$(echo "$folder"/root/lib/*-linux-gnu)"

mkdir tree source mounted
echo old >tree/file
echo new >source/file
rsync=$folder/root/usr/bin/rsync
changed=0

try() { # try TITLE COMMAND WANTED: runs COMMAND in a mounted archive; what is read there, and in the archive
  local status=0 there packed seen
  tar -cf archive -C tree file
  rm -f archive.orig
  root/usr/bin/archivemount archive mounted
  (cd mounted && bash -c "$2") || status=$?
  there=$(cat mounted/file 2>/dev/null || echo none)
  umount mounted
  # The archive is written after umount has returned.
  for _ in $(seq 50); do pgrep -f "archivemount archive mounted" >/dev/null || break; sleep 0.1; done
  packed=$(tar -xOf archive file 2>/dev/null || echo none)
  seen="exit $status, read: $there, in the archive: $packed"
  echo "$1: $seen"
  [ "$seen" = "$3" ] || { echo "  changed: it was $3" >&2; changed=1; }
}

export rsync
try 'mv' 'echo new >other && mv other file' 'exit 0, read: old, in the archive: old'
try 'rsync -a' '"$rsync" -a ../source/ .' 'exit 0, read: old, in the archive: old'
try 'rm, mv' 'echo new >other && rm file && mv other file' 'exit 0, read: new, in the archive: none'
try 'cp' 'cp ../source/file file' 'exit 0, read: new, in the archive: new'
exit "$changed"
