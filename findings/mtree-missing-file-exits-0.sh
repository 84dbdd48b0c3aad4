#!/usr/bin/env bash
# mtree reports a missing file, or one that is not in its list, and exits with 0.
#
# Version: Debian 12's mtree-netbsd 20180822-7.
# Expected (mtree(8)): "0 on success, 1 if any error occurred, and 2 if the file hierarchy did not match the
# specification".
# Seen: 2 only when a file that is there has other contents or properties. A file of the specification that is
# gone is printed as `missing: ./NAME`, a new one as `extra: NAME`, and the status is 0 for both.
#
# Prints the answers; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download mtree-netbsd=20180822-7
dpkg -x ./*.deb root
mkdir tree
echo one >tree/first
echo two >tree/second
root/usr/bin/mtree -c -k type,size,sha256 -p tree >list

check() { # check: what mtree says of the tree, with its exit status at the end
  local said status=0
  said=$(root/usr/bin/mtree -f list -p tree) || status=$?
  echo "$(paste -sd ' ' <<<"$said") exit $status"
}

rm tree/second
gone=$(check)
echo new >tree/third
extra=$(check)
echo changed >tree/first
changed=$(check)
printf 'a file gone: %s\none more beside: %s\nand one changed: %s\n' "$gone" "$extra" "$changed"
[ "$gone" = 'missing: ./second exit 0' ]
[[ $extra == *'extra: third'*' exit 0' && $changed == *' exit 2' ]]
