#!/usr/bin/env bash
# A copy onto mergerfs changes the file on one disk, and gives the stale file on the other disk the new
# one's time and mode.
#
# Version: Debian 12's mergerfs 2.33.5, without options. Needs root and /dev/fuse.
# Expected: of two disks that hold a file of one name, a copy that goes to the first leaves the second as it
# was: old bytes with their old time, so that a later comparison of the disks sees it.
# Seen: the bytes go to the first disk alone, while the calls that set times, mode and owner go to every disk
# that has the name. After `cp -p` and `rsync -t --inplace` old and new bytes have one size, mtime and mode,
# and rsync from disk to disk finds nothing to do. A plain `cp`, which sets no time, leaves the old time.
#
# Prints what each disk holds; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
finish() {
  mountpoint -q "$folder/pool" && umount "$folder/pool"
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download mergerfs=2.33.5-1 rsync=3.5.0+ds1-0+deb12u1 libpopt0=1.19+dfsg-1 \
  libxxhash0=0.8.1-1
for package in ./*.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH="$(echo "$folder"/root/usr/lib/*-linux-gnu):$(echo "$folder"/root/lib/*-linux-gnu)"
export PATH=$folder/root/usr/bin:$PATH

mkdir first second pool
echo new >new
chmod 600 new
touch -d '2022-02-02 UTC' new
mergerfs first:second pool
changed=0
try() { # try WANTED COMMAND...: what the disks hold after COMMAND, and how many files rsync would bring over
  local wanted=$1 seen disk
  shift
  for disk in first second; do
    echo old >"$disk/file"
    chmod 644 "$disk/file"
    touch -d '2020-01-01 UTC' "$disk/file"
  done
  "$@"
  seen=$(for disk in first second; do
    if [ -e "$disk/file" ]; then
      echo "$disk: $(cat "$disk/file") $(date -u -r "$disk/file" +%Y) $(stat -c %a "$disk/file"),"
    else
      echo "$disk: none,"
    fi
  done)
  rsync -rt --dry-run --out-format=%n first/ second/ >sent
  seen="$(echo "$seen" | paste -sd ' ') rsync: $(grep -c '^file' sent || true)"
  echo "$*: $seen"
  [ "$seen" = "$wanted" ] || { echo "  changed: it was $wanted" >&2; changed=1; }
}
try 'first: new 2022 600, second: old 2022 600, rsync: 0' cp -p new pool/file
try 'first: new 2022 644, second: old 2022 644, rsync: 0' rsync -t --inplace new pool/file
try "first: new $(date -u +%Y) 644, second: old 2020 644, rsync: 1" cp new pool/file
exit "$changed"
