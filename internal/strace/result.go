//go:build linux && amd64

package strace

import (
	"fmt"
	"strconv"
	"time"
)

// results format the results of successful calls that are no plain numbers, or
// come with a remark. Calls that change their arguments in a way that was not
// printed tell so here.
var results map[string]func(p *printer) string

func init() {
	hex := func(p *printer) string { return "0x" + strconv.FormatUint(uint64(p.ret), 16) }
	results = map[string]func(p *printer) string{
		"brk": hex, "mmap": hex, "mremap": hex, "shmat": hex,
		"sched_getscheduler": func(p *printer) string {
			return fmt.Sprintf("%d (%s)", p.ret, lookupSet("sched").enum(uint64(p.ret)))
		},
		"prctl": prctlResult,
		"umask": func(p *printer) string { return fmt.Sprintf("%#03o", p.ret) },
		"personality": func(p *printer) string {
			return fmt.Sprintf("%s (%s)", hexZero(p.ret), lookupSet("persona").enum(uint64(p.ret)&0xff))
		},
		"fcntl":    fcntlResult,
		"ppoll":    pollResult,
		"pselect6": selectResult,
	}
}

func hexZero(v int64) string {
	if v == 0 {
		return "0"
	}
	return "0x" + strconv.FormatUint(uint64(v), 16)
}

// fcntlResult names the flags that a command returns.
func fcntlResult(p *printer) string {
	const getfd, getfl, getsig, getlease, getseals = 1, 3, 11, 1025, 1034
	set := ""
	switch uint32(p.arg(1)) {
	case getfd:
		set = "fdflags"
	case getfl:
		set = "open"
	case getseals:
		set = "seals"
	case getsig:
		return fmt.Sprintf("%d (%s)", p.ret, signalName(int(p.ret)))
	case getlease:
		return fmt.Sprintf("%d (%s)", p.ret, lookupSet("locktype").enum(uint64(p.ret)))
	default:
		return strconv.FormatInt(p.ret, 10)
	}
	if p.ret == 0 && set != "open" {
		return "0"
	}
	return fmt.Sprintf("%s (flags %s)", hexZero(p.ret), lookupSet(set).flags(uint64(p.ret)))
}

// prctlResult names what an option returns.
func prctlResult(p *printer) string {
	if name, _ := lookupSet("prctl").name(p.arg(0)); name == "PR_GET_DUMPABLE" {
		return fmt.Sprintf("%d (%s)", p.ret, lookupSet("dumpable").enum(uint64(p.ret)))
	}
	return strconv.FormatInt(p.ret, 10)
}

// pollResult tells what ppoll has found.
func pollResult(p *printer) string {
	if p.ret == 0 {
		return "0 (Timeout)"
	}
	q := printer{mem: p.mem}
	q.str("[")
	for i := range uint64(uint32(p.arg(1))) {
		b := p.read(p.arg(0)+8*i, 8)
		if b == nil || le.Uint16(b[6:]) == 0 {
			continue
		}
		if len(q.buf) > 1 {
			q.str(", ")
		}
		q.printf("{fd=%d, revents=", i32(b, 0))
		q.flags("poll_events", uint64(le.Uint16(b[6:])))
		q.str("}")
	}
	q.str("]")
	return strconv.FormatInt(p.ret, 10) + names(append([]string{string(q.buf)}, p.timeLeft(2)...))
}

// selectResult tells what pselect6 has found.
func selectResult(p *printer) string {
	if p.ret == 0 {
		return "0 (Timeout)"
	}
	var parts []string
	for i, label := range []string{"in ", "out ", "except "} {
		if addr := p.arg(1 + i); addr != 0 {
			if fds := p.descriptors(addr); fds != "[]" {
				parts = append(parts, label+fds)
			}
		}
	}
	return strconv.FormatInt(p.ret, 10) + names(append(parts, p.timeLeft(4)...))
}

// timeLeft is the time-out that a call has updated, if argument i points to one.
func (p *printer) timeLeft(i int) []string {
	if p.arg(i) == 0 {
		return nil
	}
	q := printer{mem: p.mem}
	q.str("left ")
	q.object("timespec", p.arg(i), 16)
	return []string{string(q.buf)}
}

// dateComment is a time stamp in words.
func dateComment(sec, nsec int64) string {
	t := time.Unix(sec, nsec)
	layout := "2006-01-02T15:04:05-0700"
	if nsec != 0 {
		layout = "2006-01-02T15:04:05.000000000-0700"
	}
	return " /* " + t.Format(layout) + " */"
}
