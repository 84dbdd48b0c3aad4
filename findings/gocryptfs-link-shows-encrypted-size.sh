#!/usr/bin/env bash
# On gocryptfs a file that was just linked has, by both its names, the size of its encrypted form for a
# second.
#
# Version: Debian 12's gocryptfs 2.3. Needs root and /dev/fuse.
# Expected: link(2) leaves the size as it is; the second name has the size of the first.
# Seen: stat of a file of 6 bytes gives 6, after the link 56 by either name, and 6 again once the kernel's
# second of remembering is over. A read gives the 6 bytes all the time.
#
# Prints the sizes; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
finish() {
  mountpoint -q "$folder/plain" && umount "$folder/plain"
  rm -rf "$folder"
}
trap finish EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download gocryptfs=2.3-1+b4
dpkg -x ./*.deb root
mkdir encrypted plain
gocryptfs=root/usr/bin/gocryptfs
"$gocryptfs" -q -init -scryptn 10 -extpass 'echo word' encrypted
"$gocryptfs" -q -nosyslog -extpass 'echo word' encrypted plain

echo hello >plain/first
before=$(stat -c %s plain/first)
ln plain/first plain/second
linked=$(stat -c %s plain/first plain/second | paste -sd ' ')
content=$(cat plain/second)
sleep 1.5
later=$(stat -c %s plain/first plain/second | paste -sd ' ')
echo "before: $before; both names after the link: $linked, with the content '$content'; 1.5 s later: $later"
[ "$before, $linked, $content, $later" = '6, 56 56, hello, 6 6' ]
