//go:build linux && amd64

package strace

import (
	"fmt"
	"io"
	"strconv"
	"sync"

	"github.com/hospes-vm/hospes/internal/linux"
)

// resultColumn is where results are printed if the call leaves room.
const resultColumn = 40

// Tracer implements linux.Tracer.
type Tracer struct {
	w io.Writer

	mu    sync.Mutex // guards what follows, and keeps lines whole
	calls map[int]*printer
	open  *printer // the call whose line has been begun last and not been ended
}

var _ linux.Tracer = (*Tracer)(nil)

// New returns a tracer that writes to w. Each Write is a line, or the part of a
// line that is known so far.
func New(w io.Writer) *Tracer {
	return &Tracer{w: w, calls: map[int]*printer{}}
}

// Enter implements linux.Tracer.
func (tr *Tracer) Enter(t *linux.Task, c *linux.Call) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	p := tr.calls[t.TID]
	if p == nil {
		p = &printer{tid: t.TID, mem: t.Mem}
		tr.calls[t.TID] = p
	}
	tr.interrupt(nil)
	p.begin(c, len(tr.calls) > 1)
	p.args()
	if !neverReturns(c) {
		p.write(tr.w)
		tr.open = p
		return
	}
	p.result("?")
	p.write(tr.w)
	if c.Row.Name == "exit" {
		delete(tr.calls, t.TID)
	}
}

// Leave implements linux.Tracer.
func (tr *Tracer) Leave(t *linux.Task, _ *linux.Call, result int64) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	p := tr.calls[t.TID]
	if p == nil || p.call == nil {
		return
	}
	resumed := tr.open != p
	tr.interrupt(p)
	p.leave(len(tr.calls) > 1, resumed, result)
	p.write(tr.w)
}

// interrupt ends the line of a call under way, unless it is that of p.
func (tr *Tracer) interrupt(p *printer) {
	if tr.open != nil && tr.open != p {
		_, _ = io.WriteString(tr.w, " <unfinished ...>\n")
	}
	tr.open = nil
}

// Signal implements linux.Tracer.
func (tr *Tracer) Signal(t *linux.Task, signal int, info *[128]byte) {
	p := printer{tid: t.TID, mem: t.Mem}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	p.prefix(len(tr.calls) > 1)
	p.printf("--- %s ", signalName(signal))
	p.siginfo(info[:])
	p.str(" ---\n")
	tr.interrupt(nil)
	p.write(tr.w)
}

// Exit implements linux.Tracer.
func (tr *Tracer) Exit(_ *linux.Process, s linux.Status) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.interrupt(nil)
	if s.Signal != 0 {
		fmt.Fprintf(tr.w, "+++ killed by %s +++\n", signalName(s.Signal))
		return
	}
	fmt.Fprintf(tr.w, "+++ exited with %d +++\n", s.Code)
}

// neverReturns reports whether a call ends its thread or has no result.
func neverReturns(c *linux.Call) bool {
	switch c.Row.Name {
	case "exit", "exit_group", "rt_sigreturn":
		return true
	}
	return false
}

// begin starts the line of a call.
func (p *printer) begin(c *linux.Call, several bool) {
	*p = printer{tid: p.tid, mem: p.mem, buf: p.buf[:0], call: c}
	p.prefix(several)
	if c.Row.Nr < 0 || c.Row.Name == "unknown" {
		p.printf("syscall_%#x(", uint32(c.Row.Nr))
		for i, a := range c.Args {
			if i > 0 {
				p.str(", ")
			}
			p.hex(a)
		}
		return
	}
	p.str(c.Row.Name)
	p.str("(")
}

// prefix tells the thread if there are several.
func (p *printer) prefix(several bool) {
	if several {
		p.printf("[pid %5d] ", p.tid)
	}
}

// leave appends the rest of the line, or prints it on a line of its own if another
// has begun since.
func (p *printer) leave(several, resumed bool, result int64) {
	if resumed {
		p.column = 0
		p.prefix(several)
		p.printf("<... %s resumed>", p.call.Row.Name)
	}
	p.leaving, p.ret = true, result
	p.args()
	p.result(p.formatResult())
}

// result ends the line with a result.
func (p *printer) result(s string) {
	p.str(")")
	for p.column+len(p.buf) < resultColumn-1 {
		p.str(" ")
	}
	p.str(" = ")
	p.str(s)
	p.str("\n")
}

// formatResult is what stands behind the equals sign.
func (p *printer) formatResult() string {
	if p.ret >= 0 || p.ret < -4095 {
		if f := results[p.call.Row.Name]; f != nil {
			return f(p)
		}
		return strconv.FormatInt(p.ret, 10)
	}
	return formatErrno(int(-p.ret))
}

// write hands over what has been printed so far.
func (p *printer) write(w io.Writer) {
	_, _ = w.Write(p.buf)
	p.column += len(p.buf)
	p.buf = p.buf[:0]
}
