#!/usr/bin/env bash
# casync leaves files with the nodump flag out of an archive, and where it unpacks the archive, in the same
# tree too, it deletes them.
#
# Version: Debian 12's casync 2+20201210. Needs a file system that keeps the nodump flag.
# Expected: an archive holds the whole tree, unless asked otherwise (the flag is for dump; bsdtar and borg have
# an option for it). Unpacking writes what the archive holds, and leaves the other files of the directory, as
# tar, unzip and `restic restore` do.
# Seen: `casync make` skips files with the flag (`chattr +d`), without a word. `casync digest` of the tree does
# not cover them, so it is the same before and after such a file changed. `casync extract` removes what the
# archive does not hold (--delete=yes is the default). Both together: a tree that is packed and unpacked where
# it was loses its files with the flag. Exit 0 and silence each time.
#
# Prints what was left; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download casync=2+20201210-1+b1
dpkg -x ./*.deb root
casync=root/usr/bin/casync

mkdir tree other
echo one >tree/a
echo two >tree/b
echo older >other/a
echo mine >other/own
chattr +d tree/b || { echo 'no nodump flag here' >&2; exit 1; }

changed=0
expect() { # expect TITLE SEEN WANTED
  echo "$1: $2"
  [ "$2" = "$3" ] || { echo "  changed: it was $3" >&2; changed=1; }
}
quiet() { # quiet COMMAND...: its exit status, and what it said on standard error
  local status=0
  "$@" >/dev/null 2>said || status=$?
  echo "exit $status$(cat said)"
}
expect make "$(quiet "$casync" make archive.caidx tree)" 'exit 0'
expect 'in the archive' "$("$casync" list archive.caidx | awk '{ print $2 }' | paste -sd ' ')" '. a'
before=$("$casync" digest tree)
echo 'two, edited' >tree/b
after=$("$casync" digest tree)
expect 'digest after an edit of b' "$([ "$before" = "$after" ] && echo same || echo other)" same
expect 'extract into another directory' "$(quiet "$casync" extract archive.caidx other)" 'exit 0'
expect 'left there' "$(cd other && echo *)" a
expect 'extract into the tree itself' "$(quiet "$casync" extract archive.caidx tree)" 'exit 0'
expect 'left there' "$(cd tree && echo *)" a
exit "$changed"
