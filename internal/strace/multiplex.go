//go:build linux && amd64

package strace

import "strconv"

// Calls whose arguments depend on a command: fcntl, ioctl, prctl, futex.

// fcntlArgs print the argument of the commands that have one.
var fcntlArgs map[uint64]func(p *printer, v uint64)

func init() {
	number := func(p *printer, v uint64) { p.int(int64(int32(v))) }
	set := func(name string) func(p *printer, v uint64) {
		return func(p *printer, v uint64) { p.flags(name, v) }
	}
	lock := func(p *printer, v uint64) { p.fileLock(v) }
	fcntlArgs = map[uint64]func(p *printer, v uint64){
		0: number, 1030: number, 8: number, 1031: number, // F_DUPFD, F_DUPFD_CLOEXEC, F_SETOWN, F_SETPIPE_SZ
		2: set("fdflags"), 4: set("open"), 1033: set("seals"), // F_SETFD, F_SETFL, F_ADD_SEALS
		5: lock, 6: lock, 7: lock, 36: lock, 37: lock, 38: lock,
		10:   func(p *printer, v uint64) { p.str(signalName(int(int32(v)))) },
		1024: func(p *printer, v uint64) { p.enum("locktype", v) },
		15:   (*printer).addr, 16: (*printer).addr, 17: (*printer).addr,
		1026: (*printer).hex, 1035: (*printer).addr, 1036: (*printer).addr, 1037: (*printer).addr, 1038: (*printer).addr,
	}
}

// fcntlArg prints a lock that the call looks up when it is over.
func fcntlArg(p *printer, i int) bool {
	const getlk, ofdGetlk = 5, 36
	cmd := uint64(uint32(p.arg(1)))
	if (cmd == getlk || cmd == ofdGetlk) && !p.leaving {
		return false
	}
	if p.failed() && (cmd == getlk || cmd == ofdGetlk) {
		p.addr(p.arg(i))
		return true
	}
	fcntlArgs[cmd](p, p.arg(i))
	return true
}

// fileLock prints struct flock.
func (p *printer) fileLock(addr uint64) {
	b := p.read(addr, 32)
	if b == nil {
		p.addr(addr)
		return
	}
	p.printf("{l_type=%s, l_whence=%s, l_start=%d, l_len=%d", lookupSet("locktype").enum(uint64(le.Uint16(b))),
		lookupSet("whence").enum(uint64(le.Uint16(b[2:]))), i64(b, 8), i64(b, 16))
	if p.leaving {
		p.printf(", l_pid=%d", i32(b, 24))
	}
	p.str("}")
}

// ioctlName prints a request by name, or as the macro that makes it.
func (p *printer) ioctlName(v uint64) {
	if name, ok := lookupSet("ioctl").name(v); ok {
		p.str(name)
		return
	}
	dirs := [4]string{"_IOC_NONE", "_IOC_WRITE", "_IOC_READ", "_IOC_READ|_IOC_WRITE"}
	p.printf("_IOC(%s, %#x, %#x, %#x)", dirs[v>>30&3], v>>8&0xff, v&0xff, v>>16&0x3fff)
}

// ioctlArg prints the arguments of requests about terminals and of those that take
// or give an int; of others, the address.
func ioctlArg(p *printer, i int) bool {
	name, _ := lookupSet("ioctl").name(p.arg(1))
	v := p.arg(i)
	switch name {
	case "TCGETS", "TIOCGWINSZ", "TIOCGPGRP", "TIOCGSID", "FIONREAD", "TIOCOUTQ", "TIOCGPTN", "TIOCGETD":
		return after(func(p *printer, i int) { p.ioctlObject(name, v) })(p, i)
	case "TCSETS", "TCSETSW", "TCSETSF", "TIOCSWINSZ", "TIOCSPGRP", "FIONBIO", "FIOASYNC", "TIOCSPTLCK", "TIOCSETD":
		p.ioctlObject(name, v)
	case "FIOCLEX", "FIONCLEX", "TIOCEXCL", "TIOCNXCL", "TIOCNOTTY", "TIOCSCTTY", "TCSBRK", "TCXONC", "TCFLSH":
		p.hex(v)
	default:
		p.addr(v)
	}
	return true
}

func (p *printer) ioctlObject(name string, addr uint64) {
	switch name {
	case "TIOCGWINSZ", "TIOCSWINSZ":
		if b := p.read(addr, 8); b != nil {
			p.printf("{ws_row=%d, ws_col=%d, ws_xpixel=%d, ws_ypixel=%d}", le.Uint16(b), le.Uint16(b[2:]), le.Uint16(b[4:]), le.Uint16(b[6:]))
			return
		}
	case "TCGETS", "TCSETS", "TCSETSW", "TCSETSF":
		if b := p.read(addr, 36); b != nil {
			p.printf("{c_iflag=%#x, c_oflag=%#x, c_cflag=%#x, c_lflag=%#x, ...}", u32(b, 0), u32(b, 4), u32(b, 8), u32(b, 12))
			return
		}
	default:
		p.objectOrNull("int", addr, 4)
		return
	}
	p.addr(addr)
}

// prctlArgs is the number of arguments to print of an option, the option included.
func prctlArgs(option uint64) int {
	switch name, _ := lookupSet("prctl").name(option); name {
	case "PR_GET_DUMPABLE", "PR_GET_KEEPCAPS", "PR_GET_SECCOMP", "PR_GET_TIMING", "PR_GET_SECUREBITS", "PR_GET_TIMERSLACK",
		"PR_TASK_PERF_EVENTS_DISABLE", "PR_TASK_PERF_EVENTS_ENABLE":
		return 1
	case "PR_SET_NAME", "PR_GET_NAME", "PR_SET_PDEATHSIG", "PR_GET_PDEATHSIG", "PR_SET_DUMPABLE", "PR_SET_KEEPCAPS", "PR_CAPBSET_READ",
		"PR_CAPBSET_DROP", "PR_SET_TIMERSLACK", "PR_SET_CHILD_SUBREAPER", "PR_GET_CHILD_SUBREAPER", "PR_SET_SECUREBITS", "PR_SET_TIMING",
		"PR_GET_TID_ADDRESS", "PR_SET_PTRACER":
		return 2
	}
	return 5
}

// prctlArg2 prints the argument by the option.
func prctlArg2(p *printer, i int) bool {
	v := p.arg(i)
	switch name, _ := lookupSet("prctl").name(p.arg(0)); name {
	case "PR_SET_NAME":
		p.cstring(v, 15)
	case "PR_GET_NAME":
		return after(func(p *printer, _ int) { p.cstring(v, 15) })(p, i)
	case "PR_SET_PDEATHSIG":
		p.exitSignal(v)
	case "PR_GET_PDEATHSIG":
		return after(func(p *printer, _ int) {
			sig, _ := p.mem.Load(v, 4)
			p.str("[")
			p.exitSignal(sig)
			p.str("]")
		})(p, i)
	case "PR_GET_CHILD_SUBREAPER":
		return after(func(p *printer, _ int) { p.objectOrNull("int", v, 4) })(p, i)
	case "PR_CAPBSET_READ", "PR_CAPBSET_DROP":
		p.enum("capability", v)
	case "PR_SET_DUMPABLE":
		p.enum("dumpable", v)
	case "PR_SET_VMA":
		p.enum("vma", v)
	case "PR_CAP_AMBIENT":
		p.enum("ambient", v)
	case "PR_SET_CHILD_SUBREAPER", "PR_SET_KEEPCAPS", "PR_SET_TIMERSLACK", "PR_SET_NO_NEW_PRIVS":
		p.uint(v)
	default:
		p.hex(v)
	}
	return true
}

func prctlArg3(p *printer, i int) bool {
	switch name, _ := lookupSet("prctl").name(p.arg(0)); name {
	case "PR_CAP_AMBIENT":
		p.enum("capability", p.arg(i))
	default:
		p.hex(p.arg(i))
	}
	return true
}

// prctlArg5 is the name of PR_SET_VMA_ANON_NAME, else a number.
func prctlArg5(p *printer, v uint64) {
	if name, _ := lookupSet("prctl").name(p.arg(0)); name == "PR_SET_VMA" {
		p.cstring(v, 80)
		return
	}
	p.hex(v)
}

// Futex operations (linux/futex.h).
const (
	futexPrivate  = 128
	futexRealtime = 256
	futexCmdMask  = 127
)

// futexOp prints an operation with its flags.
func (p *printer) futexOp(v uint64) {
	name, ok := lookupSet("futex").name(v & futexCmdMask)
	if !ok {
		p.printf("%#x /* FUTEX_??? */", uint32(v))
		return
	}
	p.str(name)
	if v&futexPrivate != 0 {
		p.str("_PRIVATE")
	}
	if v&futexRealtime != 0 {
		p.str("|FUTEX_CLOCK_REALTIME")
	}
}

// futexArgs tells which arguments from the third on an operation uses, as bits.
var futexArgs = map[uint64]uint{
	0: 0b001100, 1: 0b000100, 3: 0b011100, 4: 0b111100, 5: 0b111100, 6: 0b001000, 7: 0, 8: 0,
	9: 0b101100, 10: 0b100100, 11: 0b011100, 12: 0b111100, 13: 0b001000,
}

func futexUses(p *printer, i int) bool {
	bits, known := futexArgs[p.arg(1)&futexCmdMask]
	return !known || bits&(1<<i) != 0
}

// futexTimeout is a time for operations that wait, a number for those that requeue.
func futexTimeout(p *printer, i int) bool {
	switch p.arg(1) & futexCmdMask {
	case 3, 4, 5, 12:
		p.uint(uint64(uint32(p.arg(i))))
	default:
		p.objectOrNull("timespec", p.arg(i), 16)
	}
	return true
}

func futexVal3(p *printer, v uint64) {
	const waitBitset, wakeBitset = 9, 10
	cmd := p.arg(1) & futexCmdMask
	if (cmd == waitBitset || cmd == wakeBitset) && uint32(v) == ^uint32(0) {
		p.str("FUTEX_BITSET_MATCH_ANY")
		return
	}
	if cmd == 5 {
		p.futexWakeOp(v)
		return
	}
	p.hex(uint64(uint32(v)))
}

// futexWakeOp prints the encoded operation and comparison of FUTEX_WAKE_OP.
func (p *printer) futexWakeOp(v uint64) {
	ops := [...]string{"FUTEX_OP_SET", "FUTEX_OP_ADD", "FUTEX_OP_OR", "FUTEX_OP_ANDN", "FUTEX_OP_XOR"}
	cmps := [...]string{"FUTEX_OP_CMP_EQ", "FUTEX_OP_CMP_NE", "FUTEX_OP_CMP_LT", "FUTEX_OP_CMP_LE", "FUTEX_OP_CMP_GT", "FUTEX_OP_CMP_GE"}
	name := func(list []string, i uint64) string {
		if i < uint64(len(list)) {
			return list[i]
		}
		return strconv.FormatUint(i, 10)
	}
	shift := ""
	if v>>28&8 != 0 {
		shift = "FUTEX_OP_OPARG_SHIFT<<28|"
	}
	p.printf("%s%s<<28|%#x<<12|%s<<24|%#x", shift, name(ops[:], v>>28&7), v>>12&0xfff, name(cmps[:], v>>24&15), v&0xfff)
}
