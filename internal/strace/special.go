//go:build linux && amd64

package strace

// special are the arguments that print differently from what their kind says, by
// call and argument; hideArgs the arguments that are not printed at all.
var (
	special  map[string]argPrinter
	hideArgs = map[string]func(p *printer) bool{
		"openat.mode":        func(p *printer) bool { return p.arg(2)&(0o100|0o20000000) == 0 },
		"fcntl.arg":          func(p *printer) bool { return fcntlArgs[p.arg(1)&0xffffffff] == nil },
		"mremap.new_address": func(p *printer) bool { return p.arg(3)&(2|4) == 0 },
		"mq_open.mode":       func(p *printer) bool { return p.arg(1)&0o100 == 0 },
		"mq_open.attr":       func(p *printer) bool { return p.arg(1)&0o100 == 0 },
		"clone.tls":          func(p *printer) bool { return p.arg(0)&0x80000 == 0 },
		"clone.parent_tid":   func(p *printer) bool { return p.arg(0)&(0x100000|0x1000) == 0 },
		"clone.child_tid":    func(p *printer) bool { return p.arg(0)&0x1200000 == 0 },
		"prctl.arg3":         func(p *printer) bool { return prctlArgs(p.arg(0)) < 3 },
		"prctl.arg4":         func(p *printer) bool { return prctlArgs(p.arg(0)) < 4 },
		"prctl.arg5":         func(p *printer) bool { return prctlArgs(p.arg(0)) < 5 },
		"prctl.arg2":         func(p *printer) bool { return prctlArgs(p.arg(0)) < 2 },
		"futex.val":          func(p *printer) bool { return !futexUses(p, 2) },
		"futex.timeout":      func(p *printer) bool { return !futexUses(p, 3) },
		"futex.uaddr2":       func(p *printer) bool { return !futexUses(p, 4) },
		"futex.val3":         func(p *printer) bool { return !futexUses(p, 5) },
		"mknodat.dev":        func(p *printer) bool { return !isDevice(p.arg(2)) },
		"semctl.arg":         func(p *printer) bool { return p.arg(2)&0xff == 0 },
		"membarrier.cpu_id":  func(*printer) bool { return true },
	}
)

// setOverrides are the sets that name the flags of an argument for the reader, where
// its specification names a larger one.
var setOverrides = map[string]string{
	"statx.flags":          "at_statx",
	"unlinkat.flags":       "at_unlink",
	"faccessat2.flags":     "at_access",
	"pipe2.flags":          "pipe",
	"timerfd_create.flags": "timerfd",
	"signalfd4.flags":      "signalfd",
	"userfaultfd.flags":    "pipe",
	"delete_module.flags":  "pipe",
	"msgctl.cmd":           "msgctl_cmd",
	"semctl.cmd":           "semctl_cmd",
	"shmctl.cmd":           "shmctl_cmd",
	"wait4.options":        "wait4",
	"mlock2.flags":         "mlock2",
}

// hidden reports whether argument i is not to be printed.
func (p *printer) hidden(i int) bool {
	f := hideArgs[p.call.Row.Name+"."+p.spec()[i].Name]
	return f != nil && f(p)
}

func init() {
	special = map[string]argPrinter{
		"execve.argv":   early(func(p *printer, v uint64) { p.strings(v) }),
		"execve.envp":   early((*printer).environment),
		"execveat.argv": early(func(p *printer, v uint64) { p.strings(v) }),
		"execveat.envp": early((*printer).environment),

		"clone.flags":      cloneFlags,
		"clone.stack":      early(func(*printer, uint64) {}),
		"clone.parent_tid": labelled("parent_tid", tidAfter),
		"clone.tls":        labelled("tls", early((*printer).addr)),
		"clone.child_tid":  labelled("child_tidptr", early((*printer).addr)),

		"umask.mask":    early(func(p *printer, v uint64) { p.octal(v) }),
		"mmap.offset":   early((*printer).hex),
		"shmget.shmflg": early(func(p *printer, v uint64) { p.ipcFlags(v) }),
		"semget.semflg": early(func(p *printer, v uint64) { p.ipcFlags(v) }),
		"msgget.msgflg": early(func(p *printer, v uint64) { p.ipcFlags(v) }),
		"shmget.key":    early((*printer).ipcKey),
		"semget.key":    early((*printer).ipcKey),
		"msgget.key":    early((*printer).ipcKey),

		"fcntl.arg":     fcntlArg,
		"ioctl.cmd":     early((*printer).ioctlName),
		"ioctl.arg":     ioctlArg,
		"prctl.arg2":    prctlArg2,
		"prctl.arg3":    prctlArg3,
		"prctl.arg5":    early(prctlArg5),
		"futex.op":      early((*printer).futexOp),
		"futex.timeout": futexTimeout,
		"futex.val3":    early(futexVal3),
		"mknodat.mode":  early((*printer).fileMode),
		"mknodat.dev":   early((*printer).device),
		"personality.persona": early(func(p *printer, v uint64) {
			if uint32(v) == ^uint32(0) {
				p.str("0xffffffff")
				return
			}
			p.enum("persona", v)
		}),

		"getdents64.dirp":      direntsAfter,
		"getrandom.buf":        randomAfter,
		"getcwd.buf":           stringAfter,
		"wait4.wstatus":        waitStatusAfter,
		"waitid.ru":            after(func(p *printer, i int) { p.rusageOrAddr(p.arg(i)) }),
		"nanosleep.rem":        remainAfter,
		"clock_nanosleep.rmtp": remainAfter,
		"epoll_ctl.event":      early(func(p *printer, v uint64) { p.objectOrNull("epoll_event", v, 16) }),
		"readv.iov":            iovAfter,
		"preadv.iov":           iovAfter,
		"preadv2.iov":          iovAfter,
		"sched_getaffinity.mask": after(func(p *printer, i int) {
			p.objectOrNull("cpumask", p.arg(i), uint64(p.ret))
		}),

		"socket.type":         early(func(p *printer, v uint64) { p.flags("socktype", v) }),
		"socketpair.type":     early(func(p *printer, v uint64) { p.flags("socktype", v) }),
		"socket.protocol":     early(socketProtocol),
		"socketpair.protocol": early(socketProtocol),
		"accept.addr":         peerAfter,
		"accept4.addr":        peerAfter,
		"getsockname.addr":    peerAfter,
		"getpeername.addr":    peerAfter,
		"recvfrom.addr":       peerAfter,
		"setsockopt.optname":  early(func(p *printer, v uint64) { p.option(p.arg(1), v) }),
		"getsockopt.optname":  early(func(p *printer, v uint64) { p.option(p.arg(1), v) }),
		"setsockopt.optval":   early(func(p *printer, v uint64) { p.optionValue(p.arg(1), p.arg(2), v, uint64(uint32(p.arg(4)))) }),
		"getsockopt.optval":   optionAfter,

		"recvmsg.msg": receivedAfter,

		"pselect6.readfds":   early(func(p *printer, v uint64) { p.fdset(v) }),
		"pselect6.writefds":  early(func(p *printer, v uint64) { p.fdset(v) }),
		"pselect6.exceptfds": early(func(p *printer, v uint64) { p.fdset(v) }),
		"pselect6.sigmask":   early((*printer).selectMask),
	}
	for _, name := range []string{"accept", "accept4", "getsockname", "getpeername", "recvfrom"} {
		special[name+".addrlen"] = addrlenAfter
	}
	special["getsockopt.optlen"] = addrlenAfter
}

// early makes a printer of an argument that is known from the start.
func early(f func(p *printer, v uint64)) argPrinter {
	return func(p *printer, i int) bool {
		f(p, p.arg(i))
		return true
	}
}

// after makes a printer of an argument that a successful call has filled in; of
// one that has failed the address is printed.
func after(f func(p *printer, i int)) argPrinter {
	return func(p *printer, i int) bool {
		switch {
		case !p.leaving:
			return false
		case p.failed():
			p.addr(p.arg(i))
		default:
			f(p, i)
		}
		return true
	}
}

// labelled puts a name before an argument.
func labelled(name string, f argPrinter) argPrinter {
	return func(p *printer, i int) bool {
		if !p.leaving || p.labelledAt != i {
			p.str(name + "=")
			p.labelledAt = i
		}
		return f(p, i)
	}
}

// objectOrNull prints an object unless the address is null.
func (p *printer) objectOrNull(typ string, addr, n uint64) {
	if addr == 0 {
		p.str("NULL")
		return
	}
	p.object(typ, addr, n)
}

func (p *printer) rusageOrAddr(addr uint64) { p.objectOrNull("rusage", addr, 144) }

// strings prints a NULL-terminated array of strings.
func (p *printer) strings(addr uint64) {
	if addr == 0 {
		p.str("NULL")
		return
	}
	p.str("[")
	for i := uint64(0); ; i++ {
		v, f := p.mem.Load(addr+8*i, 8)
		if f == nil && v == 0 {
			break
		}
		if i > 0 {
			p.str(", ")
		}
		if f != nil || i == maxString {
			p.str("...")
			break
		}
		p.cstring(v, maxString)
	}
	p.str("]")
}

// environment prints only how many variables there are.
func (p *printer) environment(addr uint64) {
	p.addr(addr)
	if addr == 0 {
		return
	}
	n := 0
	for ; ; n++ {
		if v, f := p.mem.Load(addr+8*uint64(n), 8); f != nil || v == 0 {
			break
		}
	}
	plural := "s"
	if n == 1 {
		plural = ""
	}
	p.printf(" /* %d var%s */", n, plural)
}

// cloneFlags prints the stack first, as strace does, then flags and exit signal.
func cloneFlags(p *printer, i int) bool {
	p.str("child_stack=")
	p.addr(p.arg(1))
	p.str(", flags=")
	const csignal = 0xff
	flags, sig := p.arg(i)&^csignal, p.arg(i)&csignal
	switch {
	case flags != 0 && sig != 0:
		p.flags("clone", flags)
		p.str("|" + signalName(int(sig)))
	case sig != 0:
		p.str(signalName(int(sig)))
	default:
		p.flags("clone", flags)
	}
	return true
}

// tidAfter prints a thread ID that the call has stored.
func tidAfter(p *printer, i int) bool {
	return after(func(p *printer, i int) { p.objectOrNull("int", p.arg(i), 4) })(p, i)
}

// direntsAfter prints only how many directory entries there are.
func direntsAfter(p *printer, i int) bool {
	return after(func(p *printer, i int) {
		p.addr(p.arg(i))
		n := 0
		for b := p.read(p.arg(i), uint64(p.ret)); len(b) >= 19; n++ {
			size := int(le.Uint16(b[16:]))
			if size < 19 || size > len(b) {
				break
			}
			b = b[size:]
		}
		p.printf(" /* %d entries */", n)
	})(p, i)
}

func randomAfter(p *printer, i int) bool {
	return after(func(p *printer, i int) { p.data(p.arg(i), uint64(p.ret), true) })(p, i)
}

func stringAfter(p *printer, i int) bool {
	return after(func(p *printer, i int) { p.path(p.arg(i)) })(p, i)
}

// remainAfter prints the time left, which is there only after an interruption.
func remainAfter(p *printer, i int) bool {
	if !p.leaving {
		return false
	}
	const restartBlock = -516
	if p.ret == restartBlock {
		p.objectOrNull("timespec", p.arg(i), 16)
	} else {
		p.addr(p.arg(i))
	}
	return true
}

// iovAfter prints the vector that a call has read into.
func iovAfter(p *printer, i int) bool {
	return after(func(p *printer, i int) { p.iovecs(p.arg(i), p.arg(i+1), uint64(p.ret)) })(p, i)
}

// waitStatusAfter prints a wait status as the macros that tell about it.
func waitStatusAfter(p *printer, i int) bool {
	return after(func(p *printer, i int) {
		v, f := p.mem.Load(p.arg(i), 4)
		if p.arg(i) == 0 || f != nil || p.ret == 0 {
			p.addr(p.arg(i))
			return
		}
		p.waitStatus(uint32(v))
	})(p, i)
}

func (p *printer) waitStatus(s uint32) {
	const continued, stopped, coredump = 0xffff, 0x7f, 0x80
	sig := int(s & 0x7f)
	switch {
	case s == continued:
		p.str("[{WIFCONTINUED(s)}]")
	case s&0xff == stopped:
		p.printf("[{WIFSTOPPED(s) && WSTOPSIG(s) == %s}]", signalName(int(s>>8&0xff)))
	case sig == 0:
		p.printf("[{WIFEXITED(s) && WEXITSTATUS(s) == %d}]", s>>8&0xff)
	case s&coredump != 0:
		p.printf("[{WIFSIGNALED(s) && WTERMSIG(s) == %s && WCOREDUMP(s)}]", signalName(sig))
	default:
		p.printf("[{WIFSIGNALED(s) && WTERMSIG(s) == %s}]", signalName(sig))
	}
}

// socketProtocol prints a protocol by the names of its domain.
func socketProtocol(p *printer, v uint64) {
	switch name, _ := lookupSet("af").name(p.arg(0)); name {
	case "AF_INET", "AF_INET6":
		p.enum("ipproto", v)
	case "AF_NETLINK":
		p.enum("netlink", v)
	default:
		p.int(int64(int32(v)))
	}
}

// peerAfter prints the address that a call has stored; its size is in the argument
// that follows.
func peerAfter(p *printer, i int) bool {
	if !p.leaving {
		p.size = 0
		if n, f := p.mem.Load(p.arg(i+1), 4); p.arg(i+1) != 0 && f == nil {
			p.size = n
		}
		return false
	}
	addr := p.arg(i)
	if addr == 0 || p.failed() {
		p.addr(addr)
		return true
	}
	n, f := p.mem.Load(p.arg(i+1), 4)
	if f != nil {
		p.addr(addr)
		return true
	}
	p.object("sockaddr", addr, min(n, p.size, 128))
	return true
}

// addrlenAfter prints a size before and after the call, if they differ.
func addrlenAfter(p *printer, i int) bool {
	if !p.leaving {
		return false
	}
	addr := p.arg(i)
	n, f := p.mem.Load(addr, 4)
	switch {
	case addr == 0 || f != nil:
		p.addr(addr)
	case p.failed() || n == p.size:
		p.printf("[%d]", n)
	default:
		p.printf("[%d => %d]", p.size, n)
	}
	return true
}

// optionAfter prints the value of an option that the call has stored.
func optionAfter(p *printer, i int) bool {
	if !p.leaving {
		p.size, _ = p.mem.Load(p.arg(4), 4)
		return false
	}
	if p.failed() {
		p.addr(p.arg(i))
		return true
	}
	n, _ := p.mem.Load(p.arg(4), 4)
	p.optionValue(p.arg(1), p.arg(2), p.arg(i), n)
	return true
}

// receivedAfter prints a message that has come; of one that has not, the size of the
// address that was asked for.
func receivedAfter(p *printer, i int) bool {
	switch {
	case !p.leaving:
		return false
	case p.failed():
		b := p.read(p.arg(i), msghdrSize)
		if b == nil {
			p.addr(p.arg(i))
			return true
		}
		p.printf("{msg_namelen=%d}", u32(b, msgNamelen))
	default:
		p.object("msghdr", p.arg(i), msghdrSize)
	}
	return true
}

// fdset prints the descriptors in a set by number.
func (p *printer) fdset(addr uint64) {
	if addr == 0 {
		p.str("NULL")
		return
	}
	p.str(p.descriptors(addr))
}

// descriptors formats the descriptors of a set below the call's first argument.
func (p *printer) descriptors(addr uint64) string {
	n := min(uint64(uint32(p.arg(0))), 1<<16)
	b := p.read(addr, (n+63)/64*8)
	q := printer{}
	q.str("[")
	for fd := range n {
		if uint64(len(b)) > fd/8 && b[fd/8]&(1<<(fd%8)) != 0 {
			if len(q.buf) > 1 {
				q.str(" ")
			}
			q.uint(fd)
		}
	}
	q.str("]")
	return string(q.buf)
}

// selectMask prints the last argument of pselect6, which points to a mask and its size.
func (p *printer) selectMask(addr uint64) {
	b := p.read(addr, 16)
	if b == nil {
		p.addr(addr)
		return
	}
	p.str("{sigmask=")
	p.objectOrNull("sigset", u64(b, 0), 8)
	p.printf(", sigsetsize=%d}", u64(b, 8))
}

func (p *printer) ipcKey(v uint64) {
	if uint32(v) == 0 {
		p.str("IPC_PRIVATE")
		return
	}
	p.hex(uint64(uint32(v)))
}

// ipcFlags prints flags and, always, permissions.
func (p *printer) ipcFlags(v uint64) {
	if flags := v &^ 0o777; flags != 0 {
		p.flags("ipc", flags)
		p.str("|")
	}
	p.octal(v & 0o777)
}
