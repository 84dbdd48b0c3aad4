#!/usr/bin/env bash
# cksfv writes a file whose name begins with `; ` as a line that it then reads as a comment.
#
# Version: Debian 12's cksfv 1.3.15.
# Expected: a list that cksfv wrote is read back by it whole, or the name is refused when the list is made.
# Seen: the line `; notes F817A89F` is passed over. The file can change or go, and the check of the list says
# "Everything OK" and exits with 0.
#
# Prints the list and the answers; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download cksfv=1.3.15-1
dpkg -x ./*.deb root
echo one >'; notes'
echo two >other
root/usr/bin/cksfv '; notes' other >list.sfv
echo "written: $(tail -n 2 list.sfv | paste -sd '|')"

echo changed >'; notes'
root/usr/bin/cksfv -q -f list.sfv && changed=$? || changed=$?
rm '; notes'
root/usr/bin/cksfv -q -f list.sfv && gone=$? || gone=$?
echo changed >other
root/usr/bin/cksfv -q -f list.sfv >/dev/null 2>&1 && ordinary=$? || ordinary=$?
echo "the file changed: exit $changed; gone: exit $gone; another file changed: exit $ordinary"
grep -q '^; notes ' list.sfv
[ "$changed $gone $ordinary" = '0 0 1' ]
