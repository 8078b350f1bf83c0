//go:build linux

package sandbox

import "syscall"

// FileRows are the system calls about files, in the order of the numbers.
var FileRows = []Row{
	{0, "io_setup", always(syscall.ENOSYS), None, "threads do as well"},
	{5, "setxattr", always(syscall.EOPNOTSUPP), None, "no extended attributes"},
	{6, "lsetxattr", always(syscall.EOPNOTSUPP), None, "no extended attributes"},
	{7, "fsetxattr", always(syscall.EOPNOTSUPP), None, "no extended attributes"},
	{8, "getxattr", noXattr, None, "no extended attributes"},
	{9, "lgetxattr", noXattr, None, "no extended attributes"},
	{10, "fgetxattr", always(syscall.EOPNOTSUPP), None, "no extended attributes"},
	{11, "listxattr", noXattrs, None, "no extended attributes"},
	{12, "llistxattr", noXattrs, None, "no extended attributes"},
	{13, "flistxattr", always(0), None, "no extended attributes"},
	{14, "removexattr", always(syscall.EOPNOTSUPP), None, "no extended attributes"},
	{15, "lremovexattr", always(syscall.EOPNOTSUPP), None, "no extended attributes"},
	{16, "fremovexattr", always(syscall.EOPNOTSUPP), None, "no extended attributes"},
	{17, "getcwd", sysGetcwd, Full, ""},
	{19, "eventfd2", sysEventfd2, Full, ""},
	{20, "epoll_create1", sysEpollCreate1, Full, ""},
	{21, "epoll_ctl", sysEpollCtl, Partial, "no epoll in another"},
	{22, "epoll_pwait", sysEpollPwait, Full, ""},
	{23, "dup", sysDup, Full, ""},
	{24, "dup3", sysDup3, Full, ""},
	{25, "fcntl", sysFcntl, Partial, "no signals, leases, seals; deadlocks are not found"},
	{26, "inotify_init1", always(syscall.ENOSYS), None, "programs poll instead"},
	{27, "inotify_add_watch", always(syscall.ENOSYS), None, "there is no inotify"},
	{28, "inotify_rm_watch", always(syscall.ENOSYS), None, "there is no inotify"},
	{29, "ioctl", sysIoctl, Partial, "files and terminals"},
	{32, "flock", sysFlock, Full, ""},
	{33, "mknodat", sysMknodat, Partial, "no devices"},
	{34, "mkdirat", sysMkdirat, Full, ""},
	{35, "unlinkat", sysUnlinkat, Full, ""},
	{36, "symlinkat", sysSymlinkat, Full, ""},
	{37, "linkat", sysLinkat, Full, ""},
	{39, "umount2", always(syscall.EPERM), None, "mounts are the embedding program's"},
	{40, "mount", always(syscall.EPERM), None, "mounts are the embedding program's"},
	{41, "pivot_root", always(syscall.EPERM), None, "mounts are the embedding program's"},
	{43, "statfs", sysStatfs, Full, ""},
	{44, "fstatfs", sysFstatfs, Full, ""},
	{45, "truncate", sysTruncate, Full, ""},
	{46, "ftruncate", sysFtruncate, Full, ""},
	{47, "fallocate", sysFallocate, Partial, "no collapsing, no inserting"},
	{48, "faccessat", sysFaccessat, Full, ""},
	{49, "chdir", sysChdir, Full, ""},
	{50, "fchdir", sysFchdir, Full, ""},
	{51, "chroot", sysChroot, Full, ""},
	{52, "fchmod", sysFchmod, Full, ""},
	{53, "fchmodat", sysFchmodat, Full, ""},
	{54, "fchownat", sysFchownat, Full, ""},
	{55, "fchown", sysFchown, Full, ""},
	{56, "openat", sysOpenat, Full, ""},
	{57, "close", sysClose, Full, ""},
	{59, "pipe2", sysPipe2, Partial, "O_DIRECT has no effect"},
	{61, "getdents64", sysGetdents64, Full, ""},
	{62, "lseek", sysLseek, Full, ""},
	{63, "read", sysRead, Full, ""},
	{64, "write", sysWrite, Full, ""},
	{65, "readv", vectored(false), Full, ""},
	{66, "writev", vectored(true), Full, ""},
	{67, "pread64", sysPread64, Full, ""},
	{68, "pwrite64", sysPwrite64, Full, ""},
	{69, "preadv", vectoredAt(false), Full, ""},
	{70, "pwritev", vectoredAt(true), Full, ""},
	{71, "sendfile", sysSendfile, Full, ""},
	{72, "pselect6", sysPselect6, Full, ""},
	{73, "ppoll", sysPpoll, Full, ""},
	{76, "splice", sysSplice, Full, ""},
	{78, "readlinkat", sysReadlinkat, Full, ""},
	{79, "newfstatat", sysNewfstatat, Full, ""},
	{80, "fstat", sysFstat, Full, ""},
	{81, "sync", always(0), Full, ""},
	{82, "fsync", sysFsync, Full, ""},
	{83, "fdatasync", sysFsync, Full, ""},
	{84, "sync_file_range", sysSyncFileRange, Full, ""},
	{85, "timerfd_create", sysTimerfdCreate, Full, ""},
	{86, "timerfd_settime", sysTimerfdSettime, Full, ""},
	{87, "timerfd_gettime", sysTimerfdGettime, Full, ""},
	{88, "utimensat", sysUtimensat, Full, ""},
	{166, "umask", sysUmask, Full, ""},
	{198, "socket", sysSocket, Partial, "AF_UNIX, and AF_INET and AF_INET6 within the sandbox"},
	{199, "socketpair", sysSocketpair, Full, ""},
	{200, "bind", withSocket(doBind), Full, ""},
	{201, "listen", withSocket(doListen), Full, ""},
	{202, "accept", withSocket(doAccept), Full, ""},
	{203, "connect", withSocket(doConnect), Full, ""},
	{204, "getsockname", withSocket(doGetsockname), Full, ""},
	{205, "getpeername", withSocket(doGetpeername), Full, ""},
	{206, "sendto", withSocket(doSendto), Full, ""},
	{207, "recvfrom", withSocket(doRecvfrom), Full, ""},
	{208, "setsockopt", withSocket(doSetsockopt), Partial, "most options are only kept"},
	{209, "getsockopt", withSocket(doGetsockopt), Full, ""},
	{210, "shutdown", withSocket(doShutdown), Full, ""},
	{211, "sendmsg", withSocket(doSendmsg), Partial, "of control messages, descriptors"},
	{212, "recvmsg", withSocket(doRecvmsg), Partial, "of control messages, descriptors and credentials"},
	{213, "readahead", sysReadahead, Full, ""},
	{223, "fadvise64", sysFadvise64, Full, ""},
	{242, "accept4", withSocket(doAccept), Full, ""},
	{243, "recvmmsg", withSocket(doRecvmmsg), Full, ""},
	{267, "syncfs", sysSyncfs, Full, ""},
	{269, "sendmmsg", withSocket(several((*Task).sendMessage)), Full, ""},
	{276, "renameat2", sysRenameat2, Partial, "no RENAME_WHITEOUT"},
	{279, "memfd_create", sysMemfdCreate, Partial, "no seals, no huge pages"},
	{285, "copy_file_range", sysCopyFileRange, Full, ""},
	{286, "preadv2", vectoredAt2(false), Partial, "no RWF_NOWAIT, RWF_APPEND"},
	{287, "pwritev2", vectoredAt2(true), Partial, "no RWF_NOWAIT, RWF_APPEND"},
	{291, "statx", sysStatx, Full, ""},
	{436, "close_range", sysCloseRange, Full, ""},
	{437, "openat2", sysOpenat2, Full, ""},
	{439, "faccessat2", sysFaccessat2, Full, ""},
	{441, "epoll_pwait2", sysEpollPwait2, Full, ""},
	{452, "fchmodat2", sysFchmodat2, Full, ""},
}

// noXattr is getxattr(2) on a file system without extended attributes, once the path has been found.
func noXattr(t *Task, c *Call) (uint64, syscall.Errno) {
	if _, _, e := t.resolve(atFDCWD, c.Args[0], 0); e != 0 {
		return 0, e
	}
	return 0, syscall.EOPNOTSUPP
}

// noXattrs is listxattr(2): the list is empty.
func noXattrs(t *Task, c *Call) (uint64, syscall.Errno) {
	_, _, e := t.resolve(atFDCWD, c.Args[0], 0)
	return 0, e
}

func sysSyncfs(t *Task, c *Call) (uint64, syscall.Errno) {
	f, e := t.file(c.Int(0))
	if e == 0 {
		f.Unref()
	}
	return 0, e
}
