//go:build linux && amd64

package prof

import (
	"encoding/binary"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/linux"
	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/unwind"
)

// Profile has the samples of a process.
type Profile struct {
	process *linux.Process
	machine *unwind.Machine
	period  time.Duration

	mu      sync.Mutex // guards what follows
	start   time.Time
	objs    objects
	samples map[string]*sample
	count   int
}

// sample is one stack of one thread.
type sample struct {
	stack  []place
	tid    int
	name   string // of the thread
	tier   string
	call   string // the system call, or ""
	number int64  // of periods
}

// New returns a profile of a process with samples of a period.
func New(p *linux.Process, m *unwind.Machine, period time.Duration) *Profile {
	return &Profile{
		process: p, machine: m, period: period, start: time.Now(),
		objs:    objects{space: p.Mem, open: func(f *mem.File) (*os.File, error) { return p.OpenMapped(f) }, vdso: p.Arch.VDSO(p.Mem), byFile: map[fileID]*object{}},
		samples: map[string]*sample{},
	}
}

// Reset forgets what has been sampled, in a child that a fork has made.
func (p *Profile) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.start, p.count = time.Now(), 0
	p.samples = map[string]*sample{}
}

// Empty reports whether there are no samples.
func (p *Profile) Empty() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count == 0
}

// Sample implements linux.Profiler.
func (p *Profile) Sample(t *linux.Task, s linux.Sample) {
	f := frame(p.machine, t.CPU.Regset(guest.NT_PRSTATUS), s.Call == nil)
	made := sample{tid: t.TID, name: threadName(), tier: s.By.String(), number: int64(s.Periods)}
	if s.Call != nil {
		made.tier, made.call = "system", s.Call.Row.Name
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	made.stack = p.objs.stack(p.machine, f)
	if s.Exact {
		made.stack = p.objs.earlier(made.stack, s.PC)
	}
	if len(made.stack) == 0 {
		made.stack = []place{{addr: s.PC, pc: s.PC}}
	}
	p.count++
	key := made.key()
	if old := p.samples[key]; old != nil {
		old.number += made.number
	} else {
		p.samples[key] = &made
	}
}

// key is what samples are told apart by.
func (s *sample) key() string {
	b := binary.LittleEndian.AppendUint64(nil, uint64(s.tid))
	b = append(append(b, s.tier...), 0)
	b = append(append(b, s.call...), 0)
	b = append(append(b, s.name...), 0)
	for _, p := range s.stack {
		b = binary.LittleEndian.AppendUint64(b, p.pc)
	}
	return string(b)
}

// threadName is that of the calling thread.
func threadName() string {
	var name [16]byte
	if prctlName(&name) != 0 {
		return ""
	}
	return unix.ByteSliceToString(name[:])
}
