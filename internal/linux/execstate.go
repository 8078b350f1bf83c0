//go:build linux && amd64

package linux

import (
	"encoding/hex"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/self"
	"github.com/hospes-vm/hospes/internal/trap"
)

// execVar is the environment variable by which one hospes hands its state to the
// next across execve. The guest never sees it.
const execVar = "HOSPES_EXEC"

// ExecState is what a new image needs to know that the host does not keep for it.
// Arguments and environment are those of the host process.
type ExecState struct {
	Path    string   // the program as the guest names it (AT_EXECFN)
	Unnamed bool     // that is only how the kernel names a descriptor
	FD      int      // the open program file
	Options []string // Process.ExecOptions
	Sysroot string   // its directory, or "" for none
	Tree    *Tree    // what the guest is confined to, or nil

	exe       int // descriptor of hospes for self.Adopt, or -1
	limits    [len(keptLimits)]rlimit
	nofileMax uint64
	mask      uint64 // the guest's signal mask: not all of it can be the host's
	ignored   uint64 // the signals that the guest ignores
	mdwe      uint64 // PR_MDWE_ bits

	trace   [4]uint64    // Task.execTrace
	filters int          // file of the filters of system calls (Task.filterFile), or -1
	secure  *secureState // what was in it

	// What waits of the unmaskable six (signal_virtual.go), for the thread and for
	// the process.
	pending [2][]trap.Info
}

// execState returns what a program needs that t is about to start.
func (t *Task) execState() ExecState {
	s := ExecState{Options: t.P.ExecOptions, Sysroot: t.P.root().Dir, Tree: t.P.Root.tree, mask: t.sig.mask, trace: t.execTrace()}
	s.ignored, _ = t.P.sig.sets()
	s.mdwe = t.P.inheritedMDWE()
	t.P.limits.mu.Lock()
	s.limits, s.nofileMax = t.P.limits.kept, t.P.limits.nofileMax
	t.P.limits.mu.Unlock()
	s.pending[0], s.pending[1] = t.sig.own.list(), t.P.sig.shared.list()
	return s
}

// TakeExecState returns the state that another hospes left in the environment, and
// removes it from there. It reports false if hospes was started by other means. The
// file is the caller's then, and close-on-exec.
func TakeExecState() (s ExecState, ok bool) {
	v, ok := os.LookupEnv(execVar)
	if !ok {
		return s, false
	}
	_ = os.Unsetenv(execVar)
	s, err := decodeExecState(v)
	if err != nil {
		return s, false
	}
	unix.CloseOnExec(s.FD)
	if s.filters >= 0 {
		if s.secure, err = takeFilters(s.filters); err != nil {
			_ = unix.Kill(unix.Getpid(), unix.SIGKILL) // the program must not run without
		}
	}
	return s, true
}

// DropExecState removes a state from the environment that is not to be used.
func DropExecState() { _ = os.Unsetenv(execVar) }

// Restore brings over what belongs to p. It comes before p.Run.
func (s *ExecState) Restore(p *Process) {
	self.Adopt(s.exe)
	trap.Inherit(s.mask, s.ignored)
	p.sig.inherited = s.pending
	p.limits.mu.Lock()
	p.limits.kept, p.limits.nofileMax = s.limits, s.nofileMax
	p.limits.mu.Unlock()
	p.ExecOptions = s.Options
	p.secure = s.secure
	p.mdwe.Store(s.mdwe)
	p.trace = s.trace
}

// encode returns the state as an environment variable: a list of numbers and of
// quoted strings.
func (s *ExecState) encode() string {
	b := append([]byte(execVar), '=')
	number := func(n uint64) { b = append(strconv.AppendUint(b, n, 16), ' ') }
	number(uint64(s.FD))
	number(uint64(s.exe))
	number(flag(s.Unnamed))
	number(s.mask)
	number(s.ignored)
	number(s.mdwe)
	number(uint64(s.filters + 1))
	for _, n := range s.trace {
		number(n)
	}
	for _, l := range s.limits {
		number(l.Cur)
		number(l.Max)
	}
	for _, queue := range s.pending {
		number(uint64(len(queue)))
		for i := range queue {
			b = append(hex.AppendEncode(b, queue[i][:]), ' ')
		}
	}
	number(s.nofileMax)
	texts := append([]string{s.Path, s.Sysroot}, s.Tree.texts()...)
	number(uint64(len(texts)))
	for _, text := range append(texts, s.Options...) {
		b = append(strconv.AppendQuote(b, text), ' ')
	}
	return string(b[:len(b)-1])
}

// texts are the tree as a list, which treeOf reads.
func (t *Tree) texts() (list []string) {
	if t == nil {
		return nil
	}
	list = []string{t.Dir}
	for _, b := range t.Binds {
		list = append(list, b.Host, b.Guest)
	}
	return list
}

func treeOf(texts []string) *Tree {
	if len(texts) == 0 {
		return nil
	}
	t := &Tree{Dir: texts[0]}
	for b := range slices.Chunk(texts[1:], 2) {
		t.Binds = append(t.Binds, Bind{b[0], b[1]})
	}
	return t
}

func flag(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

var errExecState = errors.New("malformed " + execVar)

// decodeExecState is the inverse of encode. Whoever sets the variable by hand gets
// no more than a program that does not start.
func decodeExecState(v string) (s ExecState, err error) {
	word := func() (w string) {
		w, v, _ = strings.Cut(v, " ")
		return w
	}
	number := func() (n uint64) {
		n, e := strconv.ParseUint(word(), 16, 64)
		if e != nil {
			err = errExecState
		}
		return n
	}
	s.FD = int(int32(number()))
	s.exe = int(int32(number()))
	s.Unnamed = number() != 0
	s.mask = number()
	s.ignored = number()
	s.mdwe = number()
	s.filters = int(int32(number())) - 1
	for i := range s.trace {
		s.trace[i] = number()
	}
	for i := range s.limits {
		s.limits[i] = rlimit{number(), number()}
	}
	for i := range s.pending {
		for n := min(number(), numSignals); n > 0; n-- {
			var info trap.Info
			b, e := hex.DecodeString(word())
			if e != nil || copy(info[:], b) != len(info) {
				return s, errExecState
			}
			s.pending[i] = append(s.pending[i], info)
		}
	}
	s.nofileMax = number()
	own := number()
	var texts []string
	for v != "" && err == nil {
		quoted, e := strconv.QuotedPrefix(v)
		if e != nil {
			return s, errExecState
		}
		v = strings.TrimPrefix(v[len(quoted):], " ")
		text, _ := strconv.Unquote(quoted) // QuotedPrefix has seen to it
		texts = append(texts, text)
	}
	// Path, root, and of a tree its directory and pairs.
	if err != nil || own < 2 || own > uint64(len(texts)) || own > 2 && own%2 == 0 {
		return s, errExecState
	}
	s.Path, s.Sysroot, s.Tree, s.Options = texts[0], texts[1], treeOf(texts[2:own]), texts[own:]
	return s, nil
}

// pushLimits makes the limits that hospes keeps the host's, for a program that the
// host is about to run in place of hospes. The result undoes it.
func (p *Process) pushLimits() (restore func()) {
	var old [len(keptLimits)]rlimit
	p.limits.mu.Lock()
	defer p.limits.mu.Unlock()
	for i, resource := range keptLimits {
		l := p.limits.kept[i]
		if hostLimit(0, resource, nil, &old[i]) == 0 {
			// Only the soft limit: a hard one could not be raised again.
			soft := rlimit{min(l.Cur, old[i].Max), old[i].Max}
			hostLimit(0, resource, &soft, nil)
		}
	}
	return func() {
		for i, resource := range keptLimits {
			hostLimit(0, resource, &old[i], nil)
		}
	}
}
