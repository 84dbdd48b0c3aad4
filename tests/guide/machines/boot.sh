#!/bin/bash
# Boots systemd in namespaces of its own, over a copy of this machine's system that nothing of it is changed by: what is
# written goes to memory, and is gone with it. Run in the network namespace that it is to have.
#   boot.sh NAME CGROUP FILES     FILES becomes what lies in /root
set -euo pipefail
name=$1 cgroup=$2 files=$3

if [ -z "${VOUCH_MACHINE:-}" ]; then
  echo $$ > "$cgroup/cgroup.procs"
  VOUCH_MACHINE=1 exec unshare --mount --pid --uts --ipc --cgroup --fork --kill-child bash "$0" "$@"
fi

base=$(mktemp -d -p "$(dirname "$files")")
mount -t tmpfs -o size=4g tmpfs "$base"
mkdir "$base"/{upper,work,root}
root=$base/root
mount -t overlay -o lowerdir=/,upperdir="$base/upper",workdir="$base/work" overlay "$root"

# Bare: without the Node and the files of this machine's users.
for directory in root home srv mnt opt tmp run usr/local usr/lib/node_modules work; do
  if [ -d "$root/$directory" ]; then mount -t tmpfs -o mode=755 tmpfs "$root/$directory"; fi
done
mkdir -p "$root"/usr/local/{bin,sbin,lib,share,include}
chmod 1777 "$root/tmp"
rm -f "$root"/usr/bin/{node,nodejs,npm,npx,corepack}
rm -rf "$root"/etc/systemd/system/*.wants "$root"/etc/rc?.d "$root/etc/vouch" "$root/var/lib/systemd/timers"
cp -r "$files/." "$root/root"
chmod 700 "$root/root" "$root/root/.ssh"

# The kernel is this machine's: of its settings only those of the network, which is the machine's own, can be changed.
mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount --bind "$root/proc/sys/net" "$root/proc/sys/net"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root"/dev/{shm,pts}
mount -t tmpfs tmpfs "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"

hostname "$name"
echo "$name" > "$root/etc/hostname"
systemd-id128 new > "$root/etc/machine-id"
# What a new virtual machine has: ssh with its owner's key.
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -s /lib/systemd/system/ssh.service "$root/etc/systemd/system/multi-user.target.wants/"
printf 'StrictHostKeyChecking accept-new\n' > "$root/etc/ssh/ssh_config.d/machines.conf"
for unit in systemd-udevd.service systemd-udev-trigger.service systemd-networkd.service systemd-resolved.service systemd-logind.service getty.target; do
  ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
# Not chroot, in which there could be no user namespaces.
# systemd hands credentials to services through shared mounts, and in a container leaves it to others to make them.
cd "$root"
mkdir -p .old
pivot_root . .old
exec env -i container=vouch PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  sh -c 'mount --make-rslave /.old; umount -l /.old; mount --make-rshared /; rmdir /.old; exec /lib/systemd/systemd --unit=multi-user.target'
