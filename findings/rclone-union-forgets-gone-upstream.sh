#!/usr/bin/env bash
# With one directory of an rclone union gone, `rclone sync` from it deletes that directory's files at the
# target, and exits with 0.
#
# Version: Debian 12's rclone 1.60.1; a union of two local directories.
# Expected: a source of which a part cannot be listed is an error, and sync deletes nothing after one. A
# `combine` remote of the same directories fails with status 3.
# Seen: the union lists what is left, without an error, so its files are taken for deleted.
#
# Prints the answers; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download rclone=1.60.1+dfsg-2+b5
dpkg -x ./*.deb root
rclone() { root/usr/bin/rclone --config '' --retries 1 "$@" 2>/dev/null; }
union=":union,upstreams='$folder/first $folder/second':"
combine=":combine,upstreams='x=$folder/first y=$folder/second':"

mkdir first second target
echo one >first/one
echo two >second/two
rclone sync "$union" target
before=$(ls target | paste -sd ' ')

mv second unmounted
rclone sync "$union" target && status=$? || status=$?
after=$(ls target | paste -sd ' ')
rclone lsf -R "$combine" >/dev/null && combined=$? || combined=$?
echo "target before: $before; with the second directory gone: $after, exit $status"
echo "a listing of the combine remote: exit $combined"
[ "$before, $after, $status, $combined" = 'one two, one, 0, 3' ]
