//go:build linux && amd64

package linux

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/mem"
)

// Support says how far a system call is there.
type Support uint8

const (
	Full    Support = iota // as Linux has it
	Partial                // the note says what is missing
	None                   // fails as on a kernel without it; the note says why
)

func (s Support) String() string { return [...]string{"full", "partial", "none"}[s] }

// Row is one system call: its number in the generic table
// (include/uapi/asm-generic/unistd.h), its name, its arguments (see package abi),
// what carries it out, and how far.
type Row struct {
	Nr      int
	Name    string
	Args    string
	Do      Handler
	Support Support
	Note    string
}

// table is indexed by system call number.
type table []*Row

// unknownCall is what numbers without a row mean.
var unknownCall = Row{Nr: -1, Name: "unknown", Do: always(syscall.ENOSYS), Support: None}

// row returns the row of a number.
func (tb table) row(nr uint64) *Row {
	if nr < uint64(len(tb)) && tb[nr] != nil {
		return tb[nr]
	}
	return &unknownCall
}

// newTable returns the generic rows and those of arch.
func newTable(arch guest.Arch) table {
	tb := make(table, 512)
	for i := range Rows {
		tb[Rows[i].Nr] = &Rows[i]
	}
	for _, s := range arch.Syscalls() {
		tb[s.Nr] = &Row{Nr: int(s.Nr), Name: s.Name, Args: s.Args, Do: archCall(s.Do), Support: Full}
	}
	return tb
}

// archCall makes a handler of an architecture's own system call.
func archCall(do func(guest.CPU, *mem.Space, [6]uint64) int64) Handler {
	return func(t *Task, c *Call) (uint64, syscall.Errno) {
		if r := do(t.CPU, t.Mem, c.Args); r < 0 && r >= -4095 {
			return 0, syscall.Errno(-r)
		} else {
			return uint64(r), 0
		}
	}
}

func (r *Row) String() string { return fmt.Sprintf("%s (%d)", r.Name, r.Nr) }

// Rows is the system call table, in the order of the numbers.
var Rows = []Row{
	{0, "io_setup", "nr:uint ctx:ptr", sysIoSetup, Full, ""},
	{1, "io_destroy", "ctx:ptr", sysIoDestroy, Full, ""},
	{2, "io_submit", "ctx:ptr nr:long iocbpp:ptr", sysIoSubmit, Full, ""},
	{3, "io_cancel", "ctx:ptr iocb:ptr result:ptr", sysIoCancel, Full, ""},
	{4, "io_getevents", "ctx:ptr min_nr:long nr:long events:ptr timeout:in(timespec)", sysIoGetevents, Full, ""},
	{5, "setxattr", "path:path name:str value:in(bytes:size) size:size flags:flags(xattr)", hostCall(unix.SYS_SETXATTR), Full, ""},
	{6, "lsetxattr", "path:path(link) name:str value:in(bytes:size) size:size flags:flags(xattr)", hostCall(unix.SYS_LSETXATTR), Full, ""},
	{7, "fsetxattr", "fd:fd name:str value:in(bytes:size) size:size flags:flags(xattr)", hostCall(unix.SYS_FSETXATTR), Full, ""},
	{8, "getxattr", "path:path name:str value:out(bytes:size) size:size", hostCall(unix.SYS_GETXATTR), Full, ""},
	{9, "lgetxattr", "path:path(link) name:str value:out(bytes:size) size:size", hostCall(unix.SYS_LGETXATTR), Full, ""},
	{10, "fgetxattr", "fd:fd name:str value:out(bytes:size) size:size", hostCall(unix.SYS_FGETXATTR), Full, ""},
	{11, "listxattr", "path:path list:out(bytes:size) size:size", hostCall(unix.SYS_LISTXATTR), Full, ""},
	{12, "llistxattr", "path:path(link) list:out(bytes:size) size:size", hostCall(unix.SYS_LLISTXATTR), Full, ""},
	{13, "flistxattr", "fd:fd list:out(bytes:size) size:size", hostCall(unix.SYS_FLISTXATTR), Full, ""},
	{14, "removexattr", "path:path name:str", hostCall(unix.SYS_REMOVEXATTR), Full, ""},
	{15, "lremovexattr", "path:path(link) name:str", hostCall(unix.SYS_LREMOVEXATTR), Full, ""},
	{16, "fremovexattr", "fd:fd name:str", hostCall(unix.SYS_FREMOVEXATTR), Full, ""},
	{17, "getcwd", "buf:out(bytes:size) size:size", sysGetcwd, Full, ""},
	{18, "lookup_dcookie", "cookie:ulong buf:ptr len:size", always(syscall.ENOSYS), None, "removed from Linux 6.7"},
	{19, "eventfd2", "count:uint flags:flags(eventfd)", hostCall(unix.SYS_EVENTFD2), Full, ""},
	{20, "epoll_create1", "flags:flags(epoll)", hostCall(unix.SYS_EPOLL_CREATE1), Full, ""},
	{21, "epoll_ctl", "epfd:fd op:enum(epoll_ctl) fd:fd event:in(epoll_event)", sysEpollCtl, Full, ""},
	{22, "epoll_pwait", "epfd:fd events:out(epoll_event*maxevents) maxevents:int timeout:int sigmask:in(sigset) sigsetsize:size", sysEpollPwait, Full, ""},
	{23, "dup", "fd:fd", hostCall(unix.SYS_DUP), Full, ""},
	{24, "dup3", "oldfd:fd newfd:fd flags:flags(dup3)", hostCall(unix.SYS_DUP3), Full, ""},
	{25, "fcntl", "fd:fd cmd:enum(fcntl) arg:hex", sysFcntl, Full, ""},
	{26, "inotify_init1", "flags:flags(inotify_init)", hostCall(unix.SYS_INOTIFY_INIT1), Full, ""},
	{27, "inotify_add_watch", "fd:fd path:path mask:flags(inotify)", hostCall(unix.SYS_INOTIFY_ADD_WATCH), Full, ""},
	{28, "inotify_rm_watch", "fd:fd wd:int", hostCall(unix.SYS_INOTIFY_RM_WATCH), Full, ""},
	{29, "ioctl", "fd:fd cmd:enum(ioctl) arg:hex", sysIoctl, Partial, "requests whose structures hold pointers (SG_IO, DRM, usbdevfs, SIOCETHTOOL ...) fail with ENOTTY"},
	{30, "ioprio_set", "which:int who:int ioprio:hex", hostCall(unix.SYS_IOPRIO_SET), Full, ""},
	{31, "ioprio_get", "which:int who:int", hostCall(unix.SYS_IOPRIO_GET), Full, ""},
	{32, "flock", "fd:fd operation:flags(flock)", hostCall(unix.SYS_FLOCK), Full, ""},
	{33, "mknodat", "dirfd:dirfd path:path(link) mode:mode dev:dev", hostCall(unix.SYS_MKNODAT), Full, ""},
	{34, "mkdirat", "dirfd:dirfd path:path(link) mode:mode", hostCall(unix.SYS_MKDIRAT), Full, ""},
	{35, "unlinkat", "dirfd:dirfd path:path(link) flags:flags(at)", hostCall(unix.SYS_UNLINKAT), Full, ""},
	{36, "symlinkat", "target:str newdirfd:dirfd linkpath:path(link)", hostCall(unix.SYS_SYMLINKAT), Full, ""},
	{37, "linkat", "olddirfd:dirfd oldpath:path(atfollow) newdirfd:dirfd newpath:path(link) flags:flags(at)", hostCall(unix.SYS_LINKAT), Full, ""},
	{39, "umount2", "target:path flags:flags(umount)", hostCall(unix.SYS_UMOUNT2), Full, ""},
	{40, "mount", "source:str target:path type:str flags:flags(mount) data:str", hostCall(unix.SYS_MOUNT), Full, ""},
	{41, "pivot_root", "new_root:path put_old:path", hostCall(unix.SYS_PIVOT_ROOT), Full, ""},
	{42, "nfsservctl", "", always(syscall.ENOSYS), None, "removed from Linux 3.1"},
	{43, "statfs", "path:path buf:out(statfs)", hostCall(unix.SYS_STATFS), Full, ""},
	{44, "fstatfs", "fd:fd buf:out(statfs)", hostCall(unix.SYS_FSTATFS), Full, ""},
	{45, "truncate", "path:path length:off", hostCall(unix.SYS_TRUNCATE), Full, ""},
	{46, "ftruncate", "fd:fd length:off", hostCall(unix.SYS_FTRUNCATE), Full, ""},
	{47, "fallocate", "fd:fd mode:flags(fallocate) offset:off len:off", hostCall(unix.SYS_FALLOCATE), Full, ""},
	{48, "faccessat", "dirfd:dirfd path:path mode:flags(access)", hostCall(unix.SYS_FACCESSAT), Full, ""},
	{49, "chdir", "path:path", hostCall(unix.SYS_CHDIR), Full, ""},
	{50, "fchdir", "fd:fd", hostCall(unix.SYS_FCHDIR), Full, ""},
	{51, "chroot", "path:path", sysChroot, Full, ""},
	{52, "fchmod", "fd:fd mode:mode", hostCall(unix.SYS_FCHMOD), Full, ""},
	{53, "fchmodat", "dirfd:dirfd path:path mode:mode", hostCall(unix.SYS_FCHMODAT), Full, ""},
	{54, "fchownat", "dirfd:dirfd path:path(at) uid:uid gid:gid flags:flags(at)", hostCall(unix.SYS_FCHOWNAT), Full, ""},
	{55, "fchown", "fd:fd uid:uid gid:gid", hostCall(unix.SYS_FCHOWN), Full, ""},
	{56, "openat", "dirfd:dirfd path:path flags:flags(open) mode:mode", sysOpenat, Full, ""},
	{57, "close", "fd:fd", sysClose, Full, ""},
	{58, "vhangup", "", hostCall(unix.SYS_VHANGUP), Full, ""},
	{59, "pipe2", "fds:out(fdpair) flags:flags(open)", hostCall(unix.SYS_PIPE2), Full, ""},
	{60, "quotactl", "cmd:hex special:path id:int addr:ptr", always(syscall.ENOSYS), None, "as a kernel without CONFIG_QUOTA"},
	{61, "getdents64", "fd:fd dirp:out(dirents:count) count:size", sysGetdents64, Full, ""},
	{62, "lseek", "fd:fd offset:off whence:enum(whence)", hostCall(unix.SYS_LSEEK), Full, ""},
	{63, "read", "fd:fd buf:out(bytes:count) count:size", transfer(unix.SYS_READ, unix.SYS_READV, mem.Write), Full, ""},
	{64, "write", "fd:fd buf:in(bytes:count) count:size", transfer(unix.SYS_WRITE, unix.SYS_WRITEV, mem.Read), Full, ""},
	{65, "readv", "fd:fd iov:in(iovec*iovcnt) iovcnt:int", vectored(unix.SYS_READV, mem.Write), Full, ""},
	{66, "writev", "fd:fd iov:in(iovec*iovcnt) iovcnt:int", vectored(unix.SYS_WRITEV, mem.Read), Full, ""},
	{67, "pread64", "fd:fd buf:out(bytes:count) count:size offset:off", transfer(unix.SYS_PREAD64, unix.SYS_PREADV, mem.Write), Full, ""},
	{68, "pwrite64", "fd:fd buf:in(bytes:count) count:size offset:off", transfer(unix.SYS_PWRITE64, unix.SYS_PWRITEV, mem.Read), Full, ""},
	{69, "preadv", "fd:fd iov:in(iovec*iovcnt) iovcnt:int pos_l:ulong pos_h:ulong", vectored(unix.SYS_PREADV, mem.Write), Full, ""},
	{70, "pwritev", "fd:fd iov:in(iovec*iovcnt) iovcnt:int pos_l:ulong pos_h:ulong", vectored(unix.SYS_PWRITEV, mem.Read), Full, ""},
	{71, "sendfile", "out_fd:fd in_fd:fd offset:io(loff) count:size", hostCall(unix.SYS_SENDFILE), Full, ""},
	{72, "pselect6", "nfds:int readfds:io(fdset) writefds:io(fdset) exceptfds:io(fdset) timeout:io(timespec) sigmask:ptr", sysPselect6, Full, ""},
	{73, "ppoll", "fds:io(pollfd*nfds) nfds:uint timeout:io(timespec) sigmask:in(sigset) sigsetsize:size", sysPpoll, Full, ""},
	{74, "signalfd4", "fd:fd mask:in(sigset) sizemask:size flags:flags(open)", nil, Full, ""}, // signals
	{75, "vmsplice", "fd:fd iov:in(iovec*nr_segs) nr_segs:ulong flags:flags(splice)", vectored(unix.SYS_VMSPLICE, mem.Read), Full, ""},
	{76, "splice", "fd_in:fd off_in:io(loff) fd_out:fd off_out:io(loff) len:size flags:flags(splice)", hostCall(unix.SYS_SPLICE), Full, ""},
	{77, "tee", "fd_in:fd fd_out:fd len:size flags:flags(splice)", hostCall(unix.SYS_TEE), Full, ""},
	{78, "readlinkat", "dirfd:dirfd path:path buf:out(bytes:bufsiz) bufsiz:int", sysReadlinkat, Full, ""},
	{79, "newfstatat", "dirfd:dirfd path:path statbuf:out(stat) flags:flags(at)", sysNewfstatat, Full, ""},
	{80, "fstat", "fd:fd statbuf:out(stat)", sysFstat, Full, ""},
	{81, "sync", "", hostCall(unix.SYS_SYNC), Full, ""},
	{82, "fsync", "fd:fd", hostCall(unix.SYS_FSYNC), Full, ""},
	{83, "fdatasync", "fd:fd", hostCall(unix.SYS_FDATASYNC), Full, ""},
	{84, "sync_file_range", "fd:fd offset:off nbytes:off flags:flags(sync_file_range)", hostCall(unix.SYS_SYNC_FILE_RANGE), Full, ""},
	{85, "timerfd_create", "clockid:clock flags:flags(open)", hostCall(unix.SYS_TIMERFD_CREATE), Full, ""},
	{86, "timerfd_settime", "fd:fd flags:flags(timerfd_settime) new_value:in(itimerspec) old_value:out(itimerspec)", hostCall(unix.SYS_TIMERFD_SETTIME), Full, ""},
	{87, "timerfd_gettime", "fd:fd curr_value:out(itimerspec)", hostCall(unix.SYS_TIMERFD_GETTIME), Full, ""},
	{88, "utimensat", "dirfd:dirfd path:path(at) times:in(timespec2) flags:flags(at)", hostCall(unix.SYS_UTIMENSAT), Full, ""},
	{89, "acct", "filename:path", hostCall(unix.SYS_ACCT), Full, ""},
	{90, "capget", "hdr:io(cap_header) data:out(cap_data)", sysCapget, Full, ""},
	{91, "capset", "hdr:io(cap_header) data:in(cap_data)", sysCapset, Full, ""},
	{92, "personality", "persona:hex", inheritedCall(unix.SYS_PERSONALITY), Full, ""},
	{93, "exit", "status:int", nil, Full, ""},       // signals
	{94, "exit_group", "status:int", nil, Full, ""}, // signals
	{95, "waitid", "which:enum(waitid) pid:pid infop:out(siginfo) options:flags(wait) ru:out(rusage)", hostCallNoHand(unix.SYS_WAITID), Full, ""},
	{96, "set_tid_address", "tidptr:ptr", nil, Full, ""}, // signals
	{97, "unshare", "flags:flags(clone)", hostCall(unix.SYS_UNSHARE), Full, ""},
	{98, "futex", "uaddr:ptr op:enum(futex) val:uint timeout:ptr uaddr2:ptr val3:uint", nil, Full, ""}, // signals
	{99, "set_robust_list", "head:ptr len:size", nil, Full, ""},                                        // signals
	{100, "get_robust_list", "pid:pid head_ptr:out(ptr) len_ptr:out(size)", nil, Full, ""},             // signals
	{101, "nanosleep", "req:in(timespec) rem:out(timespec)", sysNanosleep, Full, ""},
	{102, "getitimer", "which:enum(itimer) curr_value:out(itimerval)", hostCall(unix.SYS_GETITIMER), Full, ""},
	{103, "setitimer", "which:enum(itimer) new_value:in(itimerval) old_value:out(itimerval)", hostCall(unix.SYS_SETITIMER), Full, ""},
	{104, "kexec_load", "entry:ptr nr_segments:ulong segments:ptr flags:hex", always(syscall.EPERM), None, "never for a process virtual machine"},
	{105, "init_module", "image:ptr len:size param_values:str", always(syscall.EPERM), None, "never for a process virtual machine"},
	{106, "delete_module", "name:str flags:flags(open)", always(syscall.EPERM), None, "never for a process virtual machine"},
	{107, "timer_create", "clockid:clock sevp:in(sigevent) timerid:out(int)", hostCall(unix.SYS_TIMER_CREATE), Full, ""},
	{108, "timer_gettime", "timerid:int curr_value:out(itimerspec)", hostCall(unix.SYS_TIMER_GETTIME), Full, ""},
	{109, "timer_getoverrun", "timerid:int", hostCall(unix.SYS_TIMER_GETOVERRUN), Full, ""},
	{110, "timer_settime", "timerid:int flags:flags(timer) new_value:in(itimerspec) old_value:out(itimerspec)", hostCall(unix.SYS_TIMER_SETTIME), Full, ""},
	{111, "timer_delete", "timerid:int", hostCall(unix.SYS_TIMER_DELETE), Full, ""},
	{112, "clock_settime", "clockid:clock tp:in(timespec)", hostCall(unix.SYS_CLOCK_SETTIME), Full, ""},
	{113, "clock_gettime", "clockid:clock tp:out(timespec)", hostCall(unix.SYS_CLOCK_GETTIME), Full, ""},
	{114, "clock_getres", "clockid:clock res:out(timespec)", hostCall(unix.SYS_CLOCK_GETRES), Full, ""},
	{115, "clock_nanosleep", "clockid:clock flags:flags(timer) rqtp:in(timespec) rmtp:out(timespec)", sysClockNanosleep, Full, ""},
	{116, "syslog", "type:int bufp:out(bytes:len) len:int", hostCall(unix.SYS_SYSLOG), Full, ""},
	{117, "ptrace", "request:enum(ptrace) pid:pid addr:ptr data:ptr", always(syscall.ENOSYS), None, "not offered"},
	{118, "sched_setparam", "pid:pid param:in(sched_param)", inheritedCall(unix.SYS_SCHED_SETPARAM), Full, ""},
	{119, "sched_setscheduler", "pid:pid policy:enum(sched) param:in(sched_param)", inheritedCall(unix.SYS_SCHED_SETSCHEDULER), Full, ""},
	{120, "sched_getscheduler", "pid:pid", hostCall(unix.SYS_SCHED_GETSCHEDULER), Full, ""},
	{121, "sched_getparam", "pid:pid param:out(sched_param)", hostCall(unix.SYS_SCHED_GETPARAM), Full, ""},
	{122, "sched_setaffinity", "pid:pid cpusetsize:uint mask:in(cpumask:cpusetsize)", inheritedCall(unix.SYS_SCHED_SETAFFINITY), Full, ""},
	{123, "sched_getaffinity", "pid:pid cpusetsize:uint mask:out(cpumask:cpusetsize)", hostCall(unix.SYS_SCHED_GETAFFINITY), Full, ""},
	{124, "sched_yield", "", hostCall(unix.SYS_SCHED_YIELD), Full, ""},
	{125, "sched_get_priority_max", "policy:enum(sched)", hostCall(unix.SYS_SCHED_GET_PRIORITY_MAX), Full, ""},
	{126, "sched_get_priority_min", "policy:enum(sched)", hostCall(unix.SYS_SCHED_GET_PRIORITY_MIN), Full, ""},
	{127, "sched_rr_get_interval", "pid:pid tp:out(timespec)", hostCall(unix.SYS_SCHED_RR_GET_INTERVAL), Full, ""},
	{128, "restart_syscall", "", sysRestartSyscall, Full, ""},
	{129, "kill", "pid:pid sig:sig", nil, Full, ""},                                                                   // signals
	{130, "tkill", "tid:pid sig:sig", nil, Full, ""},                                                                  // signals
	{131, "tgkill", "tgid:pid tid:pid sig:sig", nil, Full, ""},                                                        // signals
	{132, "sigaltstack", "ss:in(stack) old_ss:out(stack)", nil, Full, ""},                                             // signals
	{133, "rt_sigsuspend", "mask:in(sigset) sigsetsize:size", nil, Full, ""},                                          // signals
	{134, "rt_sigaction", "sig:sig act:in(sigaction) oldact:out(sigaction) sigsetsize:size", nil, Full, ""},           // signals
	{135, "rt_sigprocmask", "how:enum(sigprocmask) set:in(sigset) oldset:out(sigset) sigsetsize:size", nil, Full, ""}, // signals
	{136, "rt_sigpending", "set:out(sigset) sigsetsize:size", nil, Full, ""},                                          // signals
	{137, "rt_sigtimedwait", "set:in(sigset) info:out(siginfo) timeout:in(timespec) sigsetsize:size", nil, Full, ""},  // signals
	{138, "rt_sigqueueinfo", "tgid:pid sig:sig info:in(siginfo)", nil, Full, ""},                                      // signals
	{139, "rt_sigreturn", "", nil, Full, ""},                                                                          // signals
	{140, "setpriority", "which:enum(priority) who:int prio:int", inheritedCall(unix.SYS_SETPRIORITY), Full, ""},
	{141, "getpriority", "which:enum(priority) who:int", hostCall(unix.SYS_GETPRIORITY), Full, ""},
	{142, "reboot", "magic:hex magic2:hex op:hex arg:ptr", always(syscall.EPERM), None, "never for a process virtual machine"},
	{143, "setregid", "rgid:gid egid:gid", inheritedCall(unix.SYS_SETREGID), Full, ""},
	{144, "setgid", "gid:gid", inheritedCall(unix.SYS_SETGID), Full, ""},
	{145, "setreuid", "ruid:uid euid:uid", inheritedCall(unix.SYS_SETREUID), Full, ""},
	{146, "setuid", "uid:uid", inheritedCall(unix.SYS_SETUID), Full, ""},
	{147, "setresuid", "ruid:uid euid:uid suid:uid", inheritedCall(unix.SYS_SETRESUID), Full, ""},
	{148, "getresuid", "ruid:out(uid) euid:out(uid) suid:out(uid)", hostCall(unix.SYS_GETRESUID), Full, ""},
	{149, "setresgid", "rgid:gid egid:gid sgid:gid", inheritedCall(unix.SYS_SETRESGID), Full, ""},
	{150, "getresgid", "rgid:out(gid) egid:out(gid) sgid:out(gid)", hostCall(unix.SYS_GETRESGID), Full, ""},
	{151, "setfsuid", "uid:uid", inheritedCall(unix.SYS_SETFSUID), Full, ""},
	{152, "setfsgid", "gid:gid", inheritedCall(unix.SYS_SETFSGID), Full, ""},
	{153, "times", "buf:out(tms)", hostCall(unix.SYS_TIMES), Full, ""},
	{154, "setpgid", "pid:pid pgid:pid", hostCall(unix.SYS_SETPGID), Full, ""},
	{155, "getpgid", "pid:pid", hostCall(unix.SYS_GETPGID), Full, ""},
	{156, "getsid", "pid:pid", hostCall(unix.SYS_GETSID), Full, ""},
	{157, "setsid", "", hostCall(unix.SYS_SETSID), Full, ""},
	{158, "getgroups", "size:int list:out(gid*size)", hostCall(unix.SYS_GETGROUPS), Full, ""},
	{159, "setgroups", "size:int list:in(gid*size)", inheritedCall(unix.SYS_SETGROUPS), Full, ""},
	{160, "uname", "buf:out(utsname)", sysUname, Full, ""},
	{161, "sethostname", "name:in(bytes:len) len:int", hostCall(unix.SYS_SETHOSTNAME), Full, ""},
	{162, "setdomainname", "name:in(bytes:len) len:int", hostCall(unix.SYS_SETDOMAINNAME), Full, ""},
	{163, "getrlimit", "resource:enum(rlimit) rlim:out(rlimit)", sysGetrlimit, Full, ""},
	{164, "setrlimit", "resource:enum(rlimit) rlim:in(rlimit)", sysSetrlimit, Full, ""},
	{165, "getrusage", "who:enum(rusage) usage:out(rusage)", hostCall(unix.SYS_GETRUSAGE), Full, ""},
	{166, "umask", "mask:mode", hostCall(unix.SYS_UMASK), Full, ""},
	{167, "prctl", "option:enum(prctl) arg2:hex arg3:hex arg4:hex arg5:hex", sysPrctl, Partial, "options of other architectures, seccomp filters, PR_SET_MM and system call user dispatch fail with EINVAL or EPERM"},
	{168, "getcpu", "cpu:out(uint) node:out(uint) tcache:ptr", hostCall(unix.SYS_GETCPU), Full, ""},
	{169, "gettimeofday", "tv:out(timeval) tz:out(timezone)", hostCall(unix.SYS_GETTIMEOFDAY), Full, ""},
	{170, "settimeofday", "tv:in(timeval) tz:in(timezone)", hostCall(unix.SYS_SETTIMEOFDAY), Full, ""},
	{171, "adjtimex", "buf:io(timex)", hostCall(unix.SYS_ADJTIMEX), Full, ""},
	{172, "getpid", "", hostCall(unix.SYS_GETPID), Full, ""},
	{173, "getppid", "", hostCall(unix.SYS_GETPPID), Full, ""},
	{174, "getuid", "", hostCall(unix.SYS_GETUID), Full, ""},
	{175, "geteuid", "", hostCall(unix.SYS_GETEUID), Full, ""},
	{176, "getgid", "", hostCall(unix.SYS_GETGID), Full, ""},
	{177, "getegid", "", hostCall(unix.SYS_GETEGID), Full, ""},
	{178, "gettid", "", hostCall(unix.SYS_GETTID), Full, ""},
	{179, "sysinfo", "info:out(sysinfo)", hostCall(unix.SYS_SYSINFO), Full, ""},
	{180, "mq_open", "name:str oflag:flags(open) mode:mode attr:in(mq_attr)", hostCall(unix.SYS_MQ_OPEN), Full, ""},
	{181, "mq_unlink", "name:str", hostCall(unix.SYS_MQ_UNLINK), Full, ""},
	{182, "mq_timedsend", "mqdes:fd msg:in(bytes:len) len:size prio:uint timeout:in(timespec)", hostCall(unix.SYS_MQ_TIMEDSEND), Full, ""},
	{183, "mq_timedreceive", "mqdes:fd msg:out(bytes:len) len:size prio:out(uint) timeout:in(timespec)", hostCall(unix.SYS_MQ_TIMEDRECEIVE), Full, ""},
	{184, "mq_notify", "mqdes:fd sevp:in(sigevent)", sysMqNotify, Full, ""},
	{185, "mq_getsetattr", "mqdes:fd newattr:in(mq_attr) oldattr:out(mq_attr)", hostCall(unix.SYS_MQ_GETSETATTR), Full, ""},
	{186, "msgget", "key:hex msgflg:flags(ipc)", hostCall(unix.SYS_MSGGET), Full, ""},
	{187, "msgctl", "msqid:int cmd:enum(ipc_cmd) buf:ptr", sysMsgctl, Full, ""},
	{188, "msgrcv", "msqid:int msgp:ptr msgsz:size msgtyp:long msgflg:flags(ipc)", sysMsgrcv, Full, ""},
	{189, "msgsnd", "msqid:int msgp:ptr msgsz:size msgflg:flags(ipc)", sysMsgsnd, Full, ""},
	{190, "semget", "key:hex nsems:int semflg:flags(ipc)", hostCall(unix.SYS_SEMGET), Full, ""},
	{191, "semctl", "semid:int semnum:int cmd:enum(ipc_cmd) arg:hex", sysSemctl, Full, ""},
	{192, "semtimedop", "semid:int sops:in(sembuf*nsops) nsops:size timeout:in(timespec)", hostCallNoHand(unix.SYS_SEMTIMEDOP), Full, ""},
	{193, "semop", "semid:int sops:in(sembuf*nsops) nsops:size", hostCallNoHand(unix.SYS_SEMOP), Full, ""},
	{194, "shmget", "key:hex size:size shmflg:flags(ipc)", hostCall(unix.SYS_SHMGET), Full, ""},
	{195, "shmctl", "shmid:int cmd:enum(ipc_cmd) buf:ptr", sysShmctl, Full, ""},
	{196, "shmat", "shmid:int shmaddr:ptr shmflg:flags(shm)", sysShmat, Full, ""},
	{197, "shmdt", "shmaddr:ptr", sysShmdt, Full, ""},
	{198, "socket", "domain:enum(af) type:enum(socktype) protocol:int", hostCall(unix.SYS_SOCKET), Full, ""},
	{199, "socketpair", "domain:enum(af) type:enum(socktype) protocol:int sv:out(fdpair)", hostCall(unix.SYS_SOCKETPAIR), Full, ""},
	{200, "bind", "fd:fd addr:in(sockaddr:addrlen) addrlen:uint", addressed(unix.SYS_BIND, true), Full, ""},
	{201, "listen", "fd:fd backlog:int", hostCall(unix.SYS_LISTEN), Full, ""},
	{202, "accept", "fd:fd addr:ptr addrlen:io(uint)", addressResult(unix.SYS_ACCEPT), Full, ""},
	{203, "connect", "fd:fd addr:in(sockaddr:addrlen) addrlen:uint", addressed(unix.SYS_CONNECT, false), Full, ""},
	{204, "getsockname", "fd:fd addr:ptr addrlen:io(uint)", addressResult(unix.SYS_GETSOCKNAME), Full, ""},
	{205, "getpeername", "fd:fd addr:ptr addrlen:io(uint)", addressResult(unix.SYS_GETPEERNAME), Full, ""},
	{206, "sendto", "fd:fd buf:in(bytes:len) len:size flags:flags(msg) addr:in(sockaddr:addrlen) addrlen:uint", sysSendto, Full, ""},
	{207, "recvfrom", "fd:fd buf:out(bytes:len) len:size flags:flags(msg) addr:ptr addrlen:io(uint)", sysRecvfrom, Full, ""},
	{208, "setsockopt", "fd:fd level:enum(sol) optname:int optval:in(optval:optlen) optlen:uint", sysSetsockopt, Partial, "IPT_SO_SET_REPLACE fails with ENOPROTOOPT"},
	{209, "getsockopt", "fd:fd level:enum(sol) optname:int optval:ptr optlen:io(uint)", sysGetsockopt, Partial, "TCP_ZEROCOPY_RECEIVE fails with ENOPROTOOPT"},
	{210, "shutdown", "fd:fd how:enum(shut)", hostCall(unix.SYS_SHUTDOWN), Full, ""},
	{211, "sendmsg", "fd:fd msg:in(msghdr) flags:flags(msg)", sysSendmsg, Full, ""},
	{212, "recvmsg", "fd:fd msg:io(msghdr) flags:flags(msg)", sysRecvmsg, Full, ""},
	{213, "readahead", "fd:fd offset:off count:size", hostCall(unix.SYS_READAHEAD), Full, ""},
	{214, "brk", "addr:hex", sysBrk, Full, ""},
	{215, "munmap", "addr:hex length:size", sysMunmap, Full, ""},
	{216, "mremap", "old_address:hex old_size:size new_size:size flags:flags(mremap) new_address:hex", sysMremap, Full, ""},
	{217, "add_key", "type:str description:str payload:in(bytes:plen) plen:size keyring:int", hostCall(unix.SYS_ADD_KEY), Full, ""},
	{218, "request_key", "type:str description:str callout_info:str keyring:int", hostCall(unix.SYS_REQUEST_KEY), Full, ""},
	{219, "keyctl", "op:int arg2:hex arg3:hex arg4:hex arg5:hex", always(syscall.ENOSYS), None, "as a kernel without CONFIG_KEYS"},
	{220, "clone", "flags:flags(clone) stack:hex parent_tid:ptr tls:ptr child_tid:ptr", nil, Full, ""}, // signals
	{221, "execve", "path:path argv:ptr envp:ptr", sysExecve, Full, ""},
	{222, "mmap", "addr:hex length:size prot:flags(prot) flags:flags(mmap) fd:fd offset:off", sysMmap, Full, ""},
	{223, "fadvise64", "fd:fd offset:off len:off advice:enum(fadvise)", hostCall(unix.SYS_FADVISE64), Full, ""},
	{224, "swapon", "path:path flags:hex", always(syscall.EPERM), None, "never for a process virtual machine"},
	{225, "swapoff", "path:path", always(syscall.EPERM), None, "never for a process virtual machine"},
	{226, "mprotect", "addr:hex len:size prot:flags(prot)", sysMprotect, Full, ""},
	{227, "msync", "addr:hex length:size flags:flags(msync)", sysMsync, Full, ""},
	{228, "mlock", "addr:hex len:size", lockCall(unix.SYS_MLOCK), Full, ""},
	{229, "munlock", "addr:hex len:size", lockCall(unix.SYS_MUNLOCK), Full, ""},
	{230, "mlockall", "flags:flags(mlockall)", sysMlockall, Partial, "MCL_FUTURE is accepted without effect"},
	{231, "munlockall", "", sysMunlockall, Full, ""},
	{232, "mincore", "addr:hex length:size vec:ptr", sysMincore, Full, ""},
	{233, "madvise", "addr:hex length:size advice:enum(madvise)", sysMadvise, Full, ""},
	{234, "remap_file_pages", "addr:hex size:size prot:flags(prot) pgoff:ulong flags:hex", always(syscall.ENOSYS), None, "deprecated since Linux 3.16"},
	{235, "mbind", "addr:hex len:ulong mode:int nodemask:ptr maxnode:ulong flags:hex", always(syscall.ENOSYS), None, "as a kernel without CONFIG_NUMA"},
	{236, "get_mempolicy", "mode:ptr nodemask:ptr maxnode:ulong addr:ptr flags:hex", always(syscall.ENOSYS), None, "as a kernel without CONFIG_NUMA"},
	{237, "set_mempolicy", "mode:int nodemask:ptr maxnode:ulong", always(syscall.ENOSYS), None, "as a kernel without CONFIG_NUMA"},
	{238, "migrate_pages", "pid:pid maxnode:ulong old_nodes:ptr new_nodes:ptr", always(syscall.ENOSYS), None, "as a kernel without CONFIG_NUMA"},
	{239, "move_pages", "pid:pid count:ulong pages:ptr nodes:ptr status:ptr flags:hex", always(syscall.ENOSYS), None, "as a kernel without CONFIG_NUMA"},
	{240, "rt_tgsigqueueinfo", "tgid:pid tid:pid sig:sig info:in(siginfo)", nil, Full, ""}, // signals
	{241, "perf_event_open", "attr:ptr pid:pid cpu:int group_fd:fd flags:hex", always(syscall.ENOENT), None, "the host's counters do not count guest instructions"},
	{242, "accept4", "fd:fd addr:ptr addrlen:io(uint) flags:flags(socktype)", addressResult(unix.SYS_ACCEPT4), Full, ""},
	{243, "recvmmsg", "fd:fd msgvec:io(mmsghdr*vlen) vlen:uint flags:flags(msg) timeout:io(timespec)", sysRecvmmsg, Full, ""},
	{260, "wait4", "pid:pid wstatus:out(int) options:flags(wait) rusage:out(rusage)", hostCall(unix.SYS_WAIT4), Full, ""},
	{261, "prlimit64", "pid:pid resource:enum(rlimit) new_limit:in(rlimit) old_limit:out(rlimit)", sysPrlimit64, Partial, "RLIMIT_AS, DATA and STACK of another process are those of the program that runs it"},
	{262, "fanotify_init", "flags:hex event_f_flags:flags(open)", hostCall(unix.SYS_FANOTIFY_INIT), Full, ""},
	{263, "fanotify_mark", "fd:fd flags:hex mask:hex dirfd:dirfd path:path", hostCall(unix.SYS_FANOTIFY_MARK), Full, ""},
	{264, "name_to_handle_at", "dirfd:dirfd path:path handle:ptr mount_id:out(int) flags:flags(at)", sysNameToHandleAt, Full, ""},
	{265, "open_by_handle_at", "mount_fd:fd handle:ptr flags:flags(open)", sysOpenByHandleAt, Full, ""},
	{266, "clock_adjtime", "clockid:clock buf:io(timex)", hostCall(unix.SYS_CLOCK_ADJTIME), Full, ""},
	{267, "syncfs", "fd:fd", hostCall(unix.SYS_SYNCFS), Full, ""},
	{268, "setns", "fd:fd nstype:flags(clone)", hostCall(unix.SYS_SETNS), Full, ""},
	{269, "sendmmsg", "fd:fd msgvec:io(mmsghdr*vlen) vlen:uint flags:flags(msg)", sysSendmmsg, Full, ""},
	{270, "process_vm_readv", "pid:pid local_iov:ptr liovcnt:ulong remote_iov:ptr riovcnt:ulong flags:hex", sysProcessVMReadv, Partial, "only the caller itself; EPERM for other processes"},
	{271, "process_vm_writev", "pid:pid local_iov:ptr liovcnt:ulong remote_iov:ptr riovcnt:ulong flags:hex", sysProcessVMWritev, Partial, "only the caller itself; EPERM for other processes"},
	{272, "kcmp", "pid1:pid pid2:pid type:int idx1:ulong idx2:ulong", hostCall(unix.SYS_KCMP), Full, ""},
	{273, "finit_module", "fd:fd param_values:str flags:hex", always(syscall.EPERM), None, "never for a process virtual machine"},
	{274, "sched_setattr", "pid:pid attr:ptr flags:uint", sysSchedSetattr, Full, ""},
	{275, "sched_getattr", "pid:pid attr:out(sched_attr:size) size:uint flags:uint", hostCall(unix.SYS_SCHED_GETATTR), Full, ""},
	{276, "renameat2", "olddirfd:dirfd oldpath:path(link) newdirfd:dirfd newpath:path(link) flags:flags(rename)", hostCall(unix.SYS_RENAMEAT2), Full, ""},
	{277, "seccomp", "operation:uint flags:hex args:ptr", always(syscall.ENOSYS), None, "filters would see the host's call numbers"},
	{278, "getrandom", "buf:out(bytes:buflen) buflen:size flags:flags(getrandom)", hostCall(unix.SYS_GETRANDOM), Full, ""},
	{279, "memfd_create", "name:str flags:flags(memfd)", hostCall(unix.SYS_MEMFD_CREATE), Full, ""},
	{280, "bpf", "cmd:int attr:ptr size:uint", always(syscall.EPERM), None, "as a kernel that denies BPF to users"},
	{281, "execveat", "dirfd:dirfd path:path argv:ptr envp:ptr flags:flags(at)", sysExecveat, Full, ""},
	{282, "userfaultfd", "flags:flags(open)", always(syscall.ENOSYS), None, "as a kernel without CONFIG_USERFAULTFD"},
	{283, "membarrier", "cmd:enum(membarrier) flags:uint cpu_id:int", sysMembarrier, Partial, "no restartable sequences"},
	{284, "mlock2", "addr:hex len:size flags:hex", lockCall(unix.SYS_MLOCK2), Full, ""},
	{285, "copy_file_range", "fd_in:fd off_in:io(loff) fd_out:fd off_out:io(loff) len:size flags:hex", hostCall(unix.SYS_COPY_FILE_RANGE), Full, ""},
	{286, "preadv2", "fd:fd iov:in(iovec*iovcnt) iovcnt:int pos_l:ulong pos_h:ulong flags:flags(rwf)", vectored(unix.SYS_PREADV2, mem.Write), Full, ""},
	{287, "pwritev2", "fd:fd iov:in(iovec*iovcnt) iovcnt:int pos_l:ulong pos_h:ulong flags:flags(rwf)", vectored(unix.SYS_PWRITEV2, mem.Read), Full, ""},
	{288, "pkey_mprotect", "addr:hex len:size prot:flags(prot) pkey:int", sysPkeyMprotect, Full, ""},
	{289, "pkey_alloc", "flags:hex access_rights:hex", always(syscall.ENOSPC), None, "riscv has no protection keys"},
	{290, "pkey_free", "pkey:int", always(syscall.EINVAL), None, "riscv has no protection keys"},
	{291, "statx", "dirfd:dirfd path:path(at) flags:flags(at) mask:flags(statx) buf:out(statx)", hostCall(unix.SYS_STATX), Full, ""},
	{292, "io_pgetevents", "ctx:ptr min_nr:long nr:long events:ptr timeout:in(timespec) sig:ptr", sysIoPgetevents, Full, ""},
	{293, "rseq", "rseq:ptr rseq_len:uint flags:hex sig:hex", always(syscall.ENOSYS), None, "riscv kernels may lack it; glibc goes without"},
	{294, "kexec_file_load", "kernel_fd:fd initrd_fd:fd cmdline_len:ulong cmdline:str flags:hex", always(syscall.EPERM), None, "never for a process virtual machine"},
	{424, "pidfd_send_signal", "pidfd:fd sig:sig info:in(siginfo) flags:uint", nil, Full, ""}, // signals
	{425, "io_uring_setup", "entries:uint params:ptr", always(syscall.ENOSYS), None, "as a kernel without CONFIG_IO_URING"},
	{426, "io_uring_enter", "fd:fd to_submit:uint min_complete:uint flags:hex sig:ptr sz:size", always(syscall.ENOSYS), None, "as a kernel without CONFIG_IO_URING"},
	{427, "io_uring_register", "fd:fd op:uint arg:ptr nr_args:uint", always(syscall.ENOSYS), None, "as a kernel without CONFIG_IO_URING"},
	{428, "open_tree", "dirfd:dirfd path:path flags:flags(at)", hostCall(unix.SYS_OPEN_TREE), Full, ""},
	{429, "move_mount", "from_dirfd:dirfd from_path:path to_dirfd:dirfd to_path:path flags:hex", hostCall(unix.SYS_MOVE_MOUNT), Full, ""},
	{430, "fsopen", "fsname:str flags:hex", hostCall(unix.SYS_FSOPEN), Full, ""},
	{431, "fsconfig", "fd:fd cmd:uint key:str value:ptr aux:int", sysFsconfig, Full, ""},
	{432, "fsmount", "fd:fd flags:hex attr_flags:hex", hostCall(unix.SYS_FSMOUNT), Full, ""},
	{433, "fspick", "dirfd:dirfd path:path flags:hex", hostCall(unix.SYS_FSPICK), Full, ""},
	{434, "pidfd_open", "pid:pid flags:hex", hostCall(unix.SYS_PIDFD_OPEN), Full, ""},
	{435, "clone3", "cl_args:in(clone_args:size) size:size", nil, Full, ""}, // signals
	{436, "close_range", "first:uint last:uint flags:flags(close_range)", sysCloseRange, Full, ""},
	{437, "openat2", "dirfd:dirfd path:path how:in(open_how:size) size:size", sysOpenat2, Full, ""},
	{438, "pidfd_getfd", "pidfd:fd targetfd:int flags:uint", hostCall(unix.SYS_PIDFD_GETFD), Full, ""},
	{439, "faccessat2", "dirfd:dirfd path:path(at) mode:flags(access) flags:flags(at)", hostCall(unix.SYS_FACCESSAT2), Full, ""},
	{440, "process_madvise", "pidfd:fd iov:ptr iovcnt:size advice:enum(madvise) flags:uint", sysProcessMadvise, Partial, "acts on the calling process whatever the pidfd"},
	{441, "epoll_pwait2", "epfd:fd events:out(epoll_event*maxevents) maxevents:int timeout:in(timespec) sigmask:in(sigset) sigsetsize:size", sysEpollPwait2, Full, ""},
	{442, "mount_setattr", "dirfd:dirfd path:path flags:flags(at) attr:in(bytes:size) size:size", hostCall(unix.SYS_MOUNT_SETATTR), Full, ""},
	{443, "quotactl_fd", "fd:fd cmd:hex id:int addr:ptr", always(syscall.ENOSYS), None, "as a kernel without CONFIG_QUOTA"},
	{444, "landlock_create_ruleset", "attr:in(bytes:size) size:size flags:hex", hostCall(unix.SYS_LANDLOCK_CREATE_RULESET), Full, ""},
	{445, "landlock_add_rule", "ruleset_fd:fd rule_type:int rule_attr:ptr flags:hex", sysLandlockAddRule, Full, ""},
	{446, "landlock_restrict_self", "ruleset_fd:fd flags:hex", hostCall(unix.SYS_LANDLOCK_RESTRICT_SELF), Full, ""},
	{447, "memfd_secret", "flags:hex", always(syscall.ENOSYS), None, "as a kernel without CONFIG_SECRETMEM"},
	{448, "process_mrelease", "pidfd:fd flags:uint", hostCall(unix.SYS_PROCESS_MRELEASE), Full, ""},
	{449, "futex_waitv", "waiters:in(futex_waitv*nr_futexes) nr_futexes:uint flags:hex timeout:in(timespec) clockid:clock", nil, Full, ""}, // signals
	{450, "set_mempolicy_home_node", "start:hex len:ulong home_node:ulong flags:hex", always(syscall.ENOSYS), None, "as a kernel without CONFIG_NUMA"},
	{451, "cachestat", "fd:fd cstat_range:in(cachestat_range) cstat:out(cachestat) flags:uint", hostCall(unix.SYS_CACHESTAT), Full, ""},
	{452, "fchmodat2", "dirfd:dirfd path:path(at) mode:mode flags:flags(at)", hostCall(unix.SYS_FCHMODAT2), Full, ""},
	{453, "map_shadow_stack", "addr:hex size:size flags:hex", always(syscall.ENOSYS), None, "no Zicfiss"},
	{454, "futex_wake", "uaddr:ptr mask:hex nr:int flags:hex", nil, Full, ""},                                     // signals
	{455, "futex_wait", "uaddr:ptr val:hex mask:hex flags:hex timeout:in(timespec) clockid:clock", nil, Full, ""}, // signals
	{456, "futex_requeue", "waiters:in(futex_waitv2) flags:hex nr_wake:int nr_requeue:int", nil, Full, ""},        // signals
	{457, "statmount", "req:in(bytes24) buf:out(bytes:bufsize) bufsize:size flags:hex", hostCall(unix.SYS_STATMOUNT), Full, ""},
	{458, "listmount", "req:in(bytes24) mnt_ids:out(u64*nr) nr:size flags:hex", hostCall(unix.SYS_LISTMOUNT), Full, ""},
	{459, "lsm_get_self_attr", "attr:uint ctx:out(bytes4k) size:io(uint) flags:hex", always(syscall.ENOSYS), None, "as a kernel without CONFIG_SECURITY"},
	{460, "lsm_set_self_attr", "attr:uint ctx:in(bytes:size) size:uint flags:hex", always(syscall.ENOSYS), None, "as a kernel without CONFIG_SECURITY"},
	{461, "lsm_list_modules", "ids:ptr size:io(uint) flags:hex", always(syscall.ENOSYS), None, "as a kernel without CONFIG_SECURITY"},
	{462, "mseal", "addr:hex len:size flags:hex", always(syscall.ENOSYS), None, "new in Linux 6.10"},
	{463, "setxattrat", "dirfd:dirfd path:path flags:flags(at) name:str args:ptr size:size", always(syscall.ENOSYS), None, "new in Linux 6.13"},
	{464, "getxattrat", "dirfd:dirfd path:path flags:flags(at) name:str args:ptr size:size", always(syscall.ENOSYS), None, "new in Linux 6.13"},
	{465, "listxattrat", "dirfd:dirfd path:path flags:flags(at) list:out(bytes:size) size:size", always(syscall.ENOSYS), None, "new in Linux 6.13"},
	{466, "removexattrat", "dirfd:dirfd path:path flags:flags(at) name:str", always(syscall.ENOSYS), None, "new in Linux 6.13"},
	{467, "open_tree_attr", "dirfd:dirfd path:path flags:flags(at) attr:in(bytes:size) size:size", always(syscall.ENOSYS), None, "new in Linux 6.15"},
	{468, "file_getattr", "dirfd:dirfd path:path attr:out(bytes:size) size:size flags:flags(at)", always(syscall.ENOSYS), None, "new in Linux 6.17"},
	{469, "file_setattr", "dirfd:dirfd path:path attr:in(bytes:size) size:size flags:flags(at)", always(syscall.ENOSYS), None, "new in Linux 6.17"},
}
