#!/usr/bin/env bash
# rhash asked for the file `d\e` hashes the file `d/e`.
#
# Version: Debian 12's rhash 1.4.3, on Linux, where a backslash is a character of a name like any other.
# Expected: the hash of the file `d\e`, or an error.
# Seen: rhash turns the backslash into a slash and opens that path. Where `d/e` exists, it prints the hash of
# that file, as `d/e`, and exits with 0. Reading a list does the same: the right sum of `d\e` is an error, the
# sum of `d/e` is OK.
#
# Prints the hashes and the answers; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download rhash=1.4.3-3 librhash0=1.4.3-3
for package in ./*.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH=$(echo "$folder"/root/usr/lib/*-linux-gnu)

mkdir d
echo 'in a directory' >d/e
echo 'with a backslash' >'d\e'
right=$(sha256sum <'d\e' | cut -c 1-64)
other=$(sha256sum <d/e | cut -c 1-64)
printed=$(root/usr/bin/rhash --sha256 'd\e')
echo "the SHA-256 of d\\e is $right"
echo "rhash prints:        $printed"

echo "$right  d\\e" >right
echo "$other  d\\e" >other
root/usr/bin/rhash -c right >/dev/null && right_is=OK || right_is=wrong
root/usr/bin/rhash -c other >/dev/null && other_is=OK || other_is=wrong
echo "a list with that sum is $right_is, a list with the sum of d/e is $other_is"
[ "$printed $right_is $other_is" = "$other  d/e wrong OK" ]
