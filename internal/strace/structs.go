//go:build linux && amd64

package strace

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strings"
)

var le = binary.LittleEndian

func u32(b []byte, at int) uint64 { return uint64(le.Uint32(b[at:])) }
func i32(b []byte, at int) int64  { return int64(int32(le.Uint32(b[at:]))) }
func u64(b []byte, at int) uint64 { return le.Uint64(b[at:]) }
func i64(b []byte, at int) int64  { return int64(le.Uint64(b[at:])) }

// objects print the types that specifications name, from their bytes in guest
// memory. Layouts are those of the generic 64-bit ABI.
var objects map[string]func(p *printer, b []byte)

func init() {
	objects = map[string]func(p *printer, b []byte){
		"int":         func(p *printer, b []byte) { p.printf("[%d]", i32(b, 0)) },
		"uint":        func(p *printer, b []byte) { p.printf("[%d]", u32(b, 0)) },
		"size":        func(p *printer, b []byte) { p.printf("[%d]", u64(b, 0)) },
		"loff":        func(p *printer, b []byte) { p.printf("[%d]", i64(b, 0)) },
		"ptr":         func(p *printer, b []byte) { p.str("["); p.addr(u64(b, 0)); p.str("]") },
		"u64":         func(p *printer, b []byte) { p.uint(u64(b, 0)) },
		"uid":         func(p *printer, b []byte) { p.str("["); p.id(u32(b, 0)); p.str("]") },
		"gid":         func(p *printer, b []byte) { p.str("["); p.id(u32(b, 0)); p.str("]") },
		"fdpair":      func(p *printer, b []byte) { p.printf("[%d, %d]", i32(b, 0), i32(b, 4)) },
		"sigset":      (*printer).sigset,
		"timespec":    (*printer).timespec,
		"timeval":     (*printer).timeval,
		"timespec2":   (*printer).timestamps,
		"timezone":    func(p *printer, b []byte) { p.printf("{tz_minuteswest=%d, tz_dsttime=%d}", i32(b, 0), i32(b, 4)) },
		"itimerval":   func(p *printer, b []byte) { p.interval(b, (*printer).timeval) },
		"itimerspec":  func(p *printer, b []byte) { p.interval(b, (*printer).timespec) },
		"tms":         (*printer).tms,
		"stat":        (*printer).stat,
		"statx":       (*printer).statx,
		"statfs":      (*printer).statfs,
		"rlimit":      (*printer).rlimit,
		"rusage":      (*printer).rusage,
		"sysinfo":     (*printer).sysinfo,
		"utsname":     (*printer).utsname,
		"pollfd":      (*printer).pollfd,
		"epoll_event": (*printer).epollEvent,
		"iovec":       (*printer).iovec,
		"msghdr":      (*printer).msghdr,
		"mmsghdr":     (*printer).mmsghdr,
		"sockaddr":    (*printer).sockaddr,
		"siginfo":     func(p *printer, b []byte) { p.siginfo(b) },
		"stack":       (*printer).stack,
		"sigaction":   (*printer).sigaction,
		"sigevent":    (*printer).sigevent,
		"sched_param": func(p *printer, b []byte) { p.printf("[%d]", i32(b, 0)) },
		"sched_attr":  (*printer).schedAttr,
		"cpumask":     (*printer).cpumask,
		"clone_args":  (*printer).cloneArgs,
		"open_how":    (*printer).openHow,
		"mq_attr": func(p *printer, b []byte) {
			p.printf("{mq_flags=%#x, mq_maxmsg=%d, mq_msgsize=%d, mq_curmsgs=%d}", u64(b, 0), i64(b, 8), i64(b, 16), i64(b, 24))
		},
		"sembuf":      (*printer).sembuf,
		"cap_header":  (*printer).capHeader,
		"futex_waitv": (*printer).futexWaitv,
		"hwprobe":     func(p *printer, b []byte) { p.printf("{key=%d, value=%#x}", i64(b, 0), u64(b, 8)) },
	}
}

func (p *printer) timespec(b []byte) { p.printf("{tv_sec=%d, tv_nsec=%d}", i64(b, 0), u64(b, 8)) }

func (p *printer) timeval(b []byte) { p.printf("{tv_sec=%d, tv_usec=%d}", i64(b, 0), i64(b, 8)) }

// timestamps are the two times of utimensat(2), of which tv_nsec may be special.
func (p *printer) timestamps(b []byte) {
	const now, omit = 1<<30 - 1, 1<<30 - 2
	p.list(2, func(i uint64) {
		switch ts := b[16*i:]; i64(ts, 8) {
		case now:
			p.str("UTIME_NOW")
		case omit:
			p.str("UTIME_OMIT")
		default:
			p.timespec(ts)
			p.str(dateComment(i64(ts, 0), i64(ts, 8)))
		}
	})
}

func (p *printer) interval(b []byte, part func(*printer, []byte)) {
	p.str("{it_interval=")
	part(p, b)
	p.str(", it_value=")
	part(p, b[16:])
	p.str("}")
}

func (p *printer) tms(b []byte) {
	p.printf("{tms_utime=%d, tms_stime=%d, tms_cutime=%d, tms_cstime=%d}", i64(b, 0), i64(b, 8), i64(b, 16), i64(b, 24))
}

// fileMode prints st_mode as its type and permissions.
func (p *printer) fileMode(v uint64) {
	const typeMask = 0o170000
	if name, ok := lookupSet("filetype").name(v & typeMask); ok {
		p.printf("%s|%#03o", name, v&^typeMask)
		return
	}
	p.octal(v)
}

// isDevice reports whether a file of this mode has a device number.
func isDevice(mode uint64) bool { return mode&0o170000 == 0o20000 || mode&0o170000 == 0o60000 }

func (p *printer) stat(b []byte) {
	mode := u32(b, 16)
	p.str("{st_mode=")
	p.fileMode(mode)
	if isDevice(mode) {
		p.str(", st_rdev=")
		p.device(u64(b, 32))
	} else {
		p.printf(", st_size=%d", i64(b, 48))
	}
	p.str(", ...}")
}

func (p *printer) statx(b []byte) {
	p.str("{stx_mask=")
	p.flags("statx", u32(b, 0))
	p.str(", stx_attributes=")
	p.flags("statx_attributes", u64(b, 8))
	p.str(", stx_mode=")
	p.fileMode(uint64(le.Uint16(b[28:])))
	p.printf(", stx_size=%d, ...}", u64(b, 40))
}

// fsTypes are magic numbers of statfs(2).
var fsTypes = map[uint64]string{
	0xef53: "EXT2_SUPER_MAGIC", 0x9123683e: "BTRFS_SUPER_MAGIC", 0x58465342: "XFS_SUPER_MAGIC", 0x1021994: "TMPFS_MAGIC",
	0x9fa0: "PROC_SUPER_MAGIC", 0x62656572: "SYSFS_MAGIC", 0x794c7630: "OVERLAYFS_SUPER_MAGIC", 0x6969: "NFS_SUPER_MAGIC",
	0x50495045: "PIPEFS_MAGIC", 0x534f434b: "SOCKFS_MAGIC", 0x63677270: "CGROUP2_SUPER_MAGIC", 0x27e0eb: "CGROUP_SUPER_MAGIC",
	0x1cd1: "DEVPTS_SUPER_MAGIC", 0x09041934: "ANON_INODE_FS_MAGIC", 0x73717368: "SQUASHFS_MAGIC", 0x65735546: "FUSE_SUPER_MAGIC",
}

func (p *printer) statfs(b []byte) {
	p.str("{f_type=")
	if name := fsTypes[u64(b, 0)]; name != "" {
		p.str(name)
	} else {
		p.hex(u64(b, 0))
	}
	p.printf(", f_bsize=%d, f_blocks=%d, f_bfree=%d, f_bavail=%d, f_files=%d, f_ffree=%d, f_fsid={val=[%#x, %#x]}, f_namelen=%d, f_frsize=%d, f_flags=",
		i64(b, 8), u64(b, 16), u64(b, 24), u64(b, 32), u64(b, 40), u64(b, 48), u32(b, 56), u32(b, 60), i64(b, 64), i64(b, 72))
	p.flags("mount_st", u64(b, 80))
	p.str("}")
}

// limit prints a resource limit, in units of 1024 where that is exact.
func (p *printer) limit(v uint64) {
	switch {
	case v == math.MaxUint64:
		p.str("RLIM64_INFINITY")
	case v > 1024 && v%1024 == 0:
		p.printf("%d*1024", v/1024)
	default:
		p.uint(v)
	}
}

func (p *printer) rlimit(b []byte) {
	p.str("{rlim_cur=")
	p.limit(u64(b, 0))
	p.str(", rlim_max=")
	p.limit(u64(b, 8))
	p.str("}")
}

func (p *printer) rusage(b []byte) {
	p.str("{ru_utime=")
	p.timeval(b)
	p.str(", ru_stime=")
	p.timeval(b[16:])
	p.str(", ...}")
}

func (p *printer) sysinfo(b []byte) {
	p.printf("{uptime=%d, loads=[%d, %d, %d], totalram=%d, freeram=%d, sharedram=%d, bufferram=%d, totalswap=%d, freeswap=%d, procs=%d, totalhigh=%d, freehigh=%d, mem_unit=%d}",
		i64(b, 0), u64(b, 8), u64(b, 16), u64(b, 24), u64(b, 32), u64(b, 40), u64(b, 48), u64(b, 56), u64(b, 64), u64(b, 72),
		le.Uint16(b[80:]), u64(b, 88), u64(b, 96), u32(b, 104))
}

func (p *printer) utsname(b []byte) {
	const field = 65
	p.str("{sysname=")
	p.quote(untilNUL(b[:field]), false)
	p.str(", nodename=")
	p.quote(untilNUL(b[field:2*field]), false)
	p.str(", ...}")
}

func untilNUL(b []byte) []byte {
	for i, c := range b {
		if c == 0 {
			return b[:i]
		}
	}
	return b
}

func (p *printer) pollfd(b []byte) {
	p.printf("{fd=%d", i32(b, 0))
	if i32(b, 0) >= 0 {
		p.str(", events=")
		p.flags("poll_events", uint64(le.Uint16(b[4:])))
	}
	p.str("}")
}

func (p *printer) epollEvent(b []byte) {
	p.str("{events=")
	p.flags("epoll_events", u32(b, 0))
	p.printf(", data={u32=%d, u64=%d}}", u32(b, 8), u64(b, 8))
}

// iovec prints the data too; what a call reads into buffers is cut where it ended.
func (p *printer) iovec(b []byte) { p.iovecData(b, u64(b, 8)) }

func (p *printer) iovecData(b []byte, n uint64) {
	p.str("{iov_base=")
	p.bytes(u64(b, 0), n)
	p.printf(", iov_len=%d}", u64(b, 8))
}

// cpumask prints the processors in a mask by number.
func (p *printer) cpumask(b []byte) {
	var cpus []int
	for i, v := range b {
		for ; v != 0; v &= v - 1 {
			cpus = append(cpus, 8*i+bits.TrailingZeros8(v))
		}
	}
	p.str("[")
	for i, c := range cpus {
		if i > 0 {
			p.str(" ")
		}
		p.int(int64(c))
	}
	p.str("]")
}

func (p *printer) schedAttr(b []byte) {
	if len(b) < 48 {
		p.str("{...}")
		return
	}
	p.printf("{size=%d, sched_policy=%s, sched_flags=%#x, sched_nice=%d, sched_priority=%d, sched_runtime=%d, sched_deadline=%d, sched_period=%d}",
		u32(b, 0), lookupSet("sched").enum(u32(b, 4)), u64(b, 8), i32(b, 16), u32(b, 20), u64(b, 24), u64(b, 32), u64(b, 40))
}

func (p *printer) sembuf(b []byte) {
	p.printf("{sem_num=%d, sem_op=%d, sem_flg=", le.Uint16(b), int16(le.Uint16(b[2:])))
	p.flags("sem_flags", uint64(le.Uint16(b[4:])))
	p.str("}")
}

func (p *printer) capHeader(b []byte) {
	versions := map[uint64]string{0x19980330: "_LINUX_CAPABILITY_VERSION_1", 0x20071026: "_LINUX_CAPABILITY_VERSION_2", 0x20080522: "_LINUX_CAPABILITY_VERSION_3"}
	p.str("{version=")
	if name := versions[u32(b, 0)]; name != "" {
		p.str(name)
	} else {
		p.hex(u32(b, 0))
	}
	p.printf(", pid=%d}", i32(b, 4))
}

// cloneArgs prints struct clone_args as far as its fields are in use.
func (p *printer) cloneArgs(b []byte) {
	full := make([]byte, 88)
	copy(full, b)
	b = full
	p.str("{flags=")
	p.flags("clone", u64(b, 0))
	for _, f := range []struct {
		flag uint64
		name string
		at   int
	}{{0x1000, "pidfd", 8}, {0x1200000, "child_tid", 16}, {0x100000, "parent_tid", 24}} {
		if u64(b, 0)&f.flag != 0 {
			p.printf(", %s=", f.name)
			p.addr(u64(b, f.at))
		}
	}
	p.str(", exit_signal=")
	p.exitSignal(u64(b, 32))
	p.str(", stack=")
	p.addr(u64(b, 40))
	p.str(", stack_size=")
	p.hex(u64(b, 48))
	if u64(b, 0)&0x80000 != 0 {
		p.str(", tls=")
		p.addr(u64(b, 56))
	}
	p.str("}")
}

func (p *printer) exitSignal(v uint64) {
	if v == 0 {
		p.str("0")
		return
	}
	p.str(signalName(int(v)))
}

func (p *printer) openHow(b []byte) {
	if len(b) < 24 {
		p.str("{...}")
		return
	}
	p.str("{flags=")
	p.flags("open", u64(b, 0))
	const create = 0o100 | 0o20000000
	if u64(b, 0)&create != 0 {
		p.printf(", mode=%#03o", u64(b, 8))
	}
	p.str(", resolve=")
	p.flags("resolve", u64(b, 16))
	p.str("}")
}

func (p *printer) futexWaitv(b []byte) {
	p.printf("{val=%#x, uaddr=%#x, flags=", u64(b, 0), u64(b, 8))
	p.flags("futex2", u32(b, 16))
	p.str("}")
}

// names joins what a call left behind its result.
func names(parts []string) string {
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}
