import { describeWrites, mountExfat, mountGocryptfs, mountMergerfs, mountRclone, mountSshfs } from './fuse-writes.suite.ts'

describeWrites('sshfs', mountSshfs, { hasNew: true })
describeWrites('mergerfs', mountMergerfs, { hasNew: true })
describeWrites('gocryptfs', mountGocryptfs, { hasNew: true })
describeWrites('exfat-fuse', mountExfat, { hasNew: false })
describeWrites('rclone mount', mountRclone, { hasNew: false })
