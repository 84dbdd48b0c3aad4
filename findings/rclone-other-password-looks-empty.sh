#!/usr/bin/env bash
# With another password rclone's crypt remote is an empty directory, and a check of it passes.
#
# Version: Debian 12's rclone 1.60.1+dfsg-2+b5.
# Expected: an error, or a warning, that names cannot be decrypted.
# Seen: `rclone ls` prints nothing and exits with 0; `rclone check --one-way` finds 0 differences and exits with 0; neither
# says a word about the names. (`rclone sync` from that remote deletes what is in the other place.)
#
# Prints both; exits 1 if that is no longer so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download rclone=1.60.1+dfsg-2+b5
dpkg -x ./*.deb root
rclone() { root/usr/bin/rclone --config "$folder/rclone.conf" --cache-dir "$folder/cache" "$@"; }
mkdir files encrypted
echo content >files/file
touch rclone.conf
right=$(rclone obscure right) wrong=$(rclone obscure wrong)
cat >rclone.conf <<EOC
[right]
type = crypt
remote = $folder/encrypted
password = $right
[wrong]
type = crypt
remote = $folder/encrypted
password = $wrong
EOC
rclone copy files right:

echo "by the right password: $(rclone lsf right:)"
listed=$(rclone lsf wrong: 2>&1)
echo "by another password:   ${listed:-nothing, and exit status 0}"
checked=$(rclone check wrong: files --one-way 2>&1)
echo "$checked"
[ -z "$listed" ] && [[ $checked == *'0 differences found'* ]] && [[ $checked != *crypt* ]]
