//go:build linux && amd64

package strace

import (
	"fmt"
	"math/bits"
	"syscall"

	"golang.org/x/sys/unix"
)

// rtmin is the first real-time signal, numSignals the last signal there is.
const (
	rtmin      = 32
	numSignals = 64
)

// signalName is the name of a signal, such as SIGINT or SIGRT_3.
func signalName(sig int) string {
	switch {
	case sig == rtmin:
		return "SIGRTMIN"
	case sig > rtmin && sig <= numSignals:
		return fmt.Sprintf("SIGRT_%d", sig-rtmin)
	}
	if name := unix.SignalName(syscall.Signal(sig)); name != "" {
		return name
	}
	return fmt.Sprint(sig)
}

// sigset prints a signal mask, or its complement if it holds most signals.
func (p *printer) sigset(b []byte) {
	set := u64(b, 0)
	if bits.OnesCount64(set) >= numSignals*2/3 {
		p.str("~")
		set = ^set
	}
	p.str("[")
	for first := true; set != 0; set &= set - 1 {
		if !first {
			p.str(" ")
		}
		first = false
		p.str(signalName(bits.TrailingZeros64(set) + 1)[len("SIG"):])
	}
	p.str("]")
}

// siCodes are the sets of si_code values that depend on the signal.
var siCodes = map[int]string{
	4: "si_code_ill", 5: "si_code_trap", 7: "si_code_bus", 8: "si_code_fpe", 11: "si_code_segv", 17: "si_code_cld", 29: "si_code_poll",
}

// si_codes that say who sent a signal (asm-generic/siginfo.h).
const (
	siUser   = 0
	siQueue  = -1
	siTimer  = -2
	siMesgq  = -3
	siTkill  = -6
	siKernel = 0x80
)

// siginfo prints a siginfo_t.
func (p *printer) siginfo(b []byte) {
	sig, errno, code := int(i32(b, 0)), i32(b, 4), int(i32(b, 8))
	if sig == 0 {
		p.str("{}")
		return
	}
	p.printf("{si_signo=%s, si_code=%s", signalName(sig), siCode(sig, code))
	if errno != 0 {
		p.printf(", si_errno=%d", errno)
	}
	switch {
	case code == siTimer:
		p.printf(", si_timerid=%#x, si_overrun=%d", i32(b, 16), i32(b, 20))
		p.sigval(b)
	case code == siUser, code == siTkill:
		p.sender(b)
	case code == siKernel:
		if siCodes[sig] == "si_code_segv" || siCodes[sig] == "si_code_bus" {
			p.faultAddr(b)
		}
	case code < 0:
		p.sender(b)
		p.sigval(b)
	default:
		p.cause(sig, b)
	}
	p.str("}")
}

func siCode(sig, code int) string {
	if name, ok := lookupSet("si_code").name(uint64(code)); ok {
		return name
	}
	if set := siCodes[sig]; set != "" {
		return lookupSet(set).enum(uint64(code))
	}
	return fmt.Sprintf("%#x", code)
}

func (p *printer) sender(b []byte) { p.printf(", si_pid=%d, si_uid=%d", i32(b, 16), u32(b, 20)) }

func (p *printer) sigval(b []byte) {
	p.printf(", si_int=%d, si_ptr=", i32(b, 24))
	p.addr(u64(b, 24))
}

func (p *printer) faultAddr(b []byte) {
	p.str(", si_addr=")
	p.addr(u64(b, 16))
}

// cause prints what the kernel says about a signal that it has raised itself.
func (p *printer) cause(sig int, b []byte) {
	switch sig {
	case 4, 5, 7, 8, 11:
		p.faultAddr(b)
	case 17:
		p.sender(b)
		p.str(", si_status=")
		const exited = 1 // CLD_EXITED: a status; else a signal
		if i32(b, 8) == exited {
			p.int(i32(b, 24))
		} else {
			p.str(signalName(int(i32(b, 24))))
		}
		p.printf(", si_utime=%d, si_stime=%d", i64(b, 32), i64(b, 40))
	case 29:
		p.printf(", si_band=%d, si_fd=%d", i64(b, 16), i32(b, 24))
	}
}

// stack prints a stack_t.
func (p *printer) stack(b []byte) {
	p.str("{ss_sp=")
	p.addr(u64(b, 0))
	p.str(", ss_flags=")
	p.flags("sigstack", u32(b, 8))
	p.printf(", ss_size=%d}", u64(b, 16))
}

// sigaction prints the kernel's struct sigaction, which has no sa_restorer here.
func (p *printer) sigaction(b []byte) {
	p.str("{sa_handler=")
	switch u64(b, 0) {
	case 0:
		p.str("SIG_DFL")
	case 1:
		p.str("SIG_IGN")
	default:
		p.addr(u64(b, 0))
	}
	p.str(", sa_mask=")
	p.sigset(b[16:])
	p.str(", sa_flags=")
	p.flags("sigaction", u64(b, 8))
	p.str("}")
}

// sigevent prints struct sigevent. The value is a union of int and pointer.
func (p *printer) sigevent(b []byte) {
	p.printf("{sigev_value={sival_int=%d, sival_ptr=", i32(b, 0))
	p.addr(u64(b, 0))
	p.printf("}, sigev_signo=%s, sigev_notify=%s", signalName(int(i32(b, 8))), lookupSet("sigev").enum(u32(b, 12)))
	const threadID = 4
	if u32(b, 12) == threadID {
		p.printf(", sigev_notify_thread_id=%d", i32(b, 16))
	}
	p.str("}")
}
