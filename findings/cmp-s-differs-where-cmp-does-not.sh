#!/usr/bin/env bash
# `cmp -s` and `diff -q` say that two files differ in which cmp and diff find no difference.
#
# Version: Debian 12's diffutils 3.8, on files of sysfs, whose stat shows 4,096 bytes whatever they hold, and of
# proc, which shows 0.
# Expected: -s leaves out the output of cmp, and -q the lines of diff, and nothing else: they read both files.
# Seen: where only the answer counts, both compare the two sizes first, and end there. So a file of sysfs and
# the copy that cp made of it differ, with status 1; without the option they are the same, with status 0. A size
# of 0 is an answer to cmp -s too, and not to diff -q. busybox's cmp reads always.
#
# Prints the status of each; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download diffutils=1:3.8-4 busybox-static=1:1.35.0-4+deb12u1+b1
for package in ./*.deb; do dpkg -x "$package" root; done
export PATH=$folder/root/bin:$folder/root/usr/bin:$PATH

cp /sys/class/net/lo/mtu mtu
cp /proc/version version
changed=0
expect() { # expect WANTED COMMAND...: the exit status of COMMAND
  local wanted=$1 status=0
  shift
  "$@" >/dev/null 2>&1 || status=$?
  echo "$*: exit $status"
  [ "$status" = "$wanted" ] || { echo "  changed: it was $wanted" >&2; changed=1; }
}
echo "sizes: $(stat -c '%n %s' /sys/class/net/lo/mtu mtu | paste -sd ' ')"
expect 0 cmp /sys/class/net/lo/mtu mtu
expect 1 cmp -s /sys/class/net/lo/mtu mtu
expect 0 diff /sys/class/net/lo/mtu mtu
expect 1 diff -q /sys/class/net/lo/mtu mtu
expect 0 busybox cmp -s /sys/class/net/lo/mtu mtu
expect 0 cmp /proc/version version
expect 1 cmp -s /proc/version version
expect 0 diff -q /proc/version version
expect 0 busybox cmp -s /proc/version version
exit "$changed"
