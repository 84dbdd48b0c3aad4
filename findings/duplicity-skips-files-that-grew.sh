#!/usr/bin/env bash
# duplicity takes a file of another size for unchanged when its modification time is the same to the second,
# and `duplicity verify` finds no difference.
#
# Version: Debian 12's duplicity 0.8.22, on Debian 12's Python 3.11.
# Expected: what was backed up before is told by size and time, as rsync, zpaq, borg, restic, bup,
# rdiff-backup and `zip -FS` do: another size is another content.
# Seen: duplicity compares the type, the mode, the owner and the whole seconds of the time, and no size (what
# it remembers of a file is the signature, whose size is another). An incremental backup leaves out a file
# that grew and whose time was put back, as from a build with SOURCE_DATE_EPOCH, or that grew within the
# second. A restore gives the old bytes. `duplicity verify` says that 0 differences were found, and
# --compare-data that the file differs, but the next incremental backup leaves it out again.
#
# Prints what was kept; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download duplicity=0.8.22-1+b3 librsync2=2.3.2-1+b1 \
  python3-fasteners=0.17.3-2 python3-future=0.18.2-6 python3-lockfile=1:0.12.2-2.2 libb2-1=0.98.1-1.1
for package in ./*.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH="$(echo "$folder"/root/usr/lib/*-linux-gnu)" HOME="$folder"
export PYTHONPATH="$folder/root/usr/lib/python3/dist-packages"
duplicity() { /usr/bin/python3 -W ignore root/usr/bin/duplicity "$@"; }

mkdir files restored archive
write() { # write CONTENT: the file `same` with a fixed time, the file `other` with the present one
  echo "$1" | tee files/same >files/other
  touch -d '2024-02-02 02:02:02' files/same
}
changed=0
expect() { # expect TITLE SEEN WANTED
  echo "$1: $2"
  [ "$2" = "$3" ] || { echo "  changed: it was $3" >&2; changed=1; }
}

write old
duplicity full --no-encryption files "file://$folder/archive" >/dev/null
sleep 1.1
write 'a new content, and a longer one'
duplicity incremental --no-encryption files "file://$folder/archive" >said
expect 'duplicity incremental' "$(grep ChangedFiles said)" 'ChangedFiles 1'
duplicity incremental --no-encryption files "file://$folder/archive" >said
expect 'once more' "$(grep ChangedFiles said)" 'ChangedFiles 0'
status=0
duplicity verify --no-encryption "file://$folder/archive" files >said 2>&1 || status=$?
expect 'duplicity verify' "exit $status, $(grep -o '[0-9]* differences\? found' said)" 'exit 0, 0 differences found'
status=0
duplicity verify --compare-data --no-encryption "file://$folder/archive" files >said 2>&1 || status=$?
expect 'duplicity verify --compare-data' "exit $status, $(grep -o '[0-9]* differences\? found' said)" \
  'exit 1, 1 difference found'
duplicity restore --no-encryption "file://$folder/archive" restored/files >/dev/null
expect 'restored from duplicity' "$(cat restored/files/same) | $(cat restored/files/other)" \
  'old | a new content, and a longer one'
exit "$changed"
