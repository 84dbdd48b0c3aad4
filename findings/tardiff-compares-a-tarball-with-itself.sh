#!/usr/bin/env bash
# tardiff finds no difference between two tarballs with the same top directory, whatever their files hold:
# it compares the second one with itself.
#
# Version: Debian 12's tardiff 0.1, with --modified ("Report on all changed files").
# Expected: a file that both tarballs hold with other contents is reported, as between `one-1.0` and
# `one-1.1`.
# Seen: both are unpacked into one directory, where the second lies over the first. So two builds of one
# release, whose top directory is the same, are alike, with exit 0 and not a line. A name that only one has
# is reported.
#
# Prints the reports; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download tardiff=0.1-7 libtext-diff-perl=1.45-2 \
  libalgorithm-diff-perl=1.201-1
for package in ./*.deb; do dpkg -x "$package" root; done
export PERL5LIB="$folder/root/usr/share/perl5"

mkdir one-1.0
echo 'price 10' >one-1.0/prices
tar -cf first.tar one-1.0
echo 'price 20' >one-1.0/prices
tar -cf second.tar one-1.0
touch one-1.0/more
tar -cf third.tar one-1.0
rm one-1.0/more
mv one-1.0 one-1.1
tar -cf renamed.tar one-1.1

changed=0
expect() { # expect OTHER WANTED: what is reported of first.tar beside OTHER
  local seen status=0
  seen=$(root/usr/bin/tardiff --modified first.tar "$1" 2>&1) || status=$?
  echo "first.tar and $1: exit $status, '$seen'"
  [ "$status $seen" = "$2" ] || { echo "  changed: it was $2" >&2; changed=1; }
}
cmp -s first.tar second.tar && exit 1
expect second.tar '0 '
expect third.tar '0 + more'
expect renamed.tar '0 / prices'
exit "$changed"
