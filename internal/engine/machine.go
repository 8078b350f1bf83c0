//go:build linux && amd64

package engine

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/hospes-vm/hospes/internal/codecache"
	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/jit"
	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/opt"
	"github.com/hospes-vm/hospes/internal/transcache"
	"github.com/hospes-vm/hospes/internal/trap"
)

// Options are what can be chosen.
type Options struct {
	// Threshold is how often a block is interpreted before it is translated.
	Threshold int
	// Optimise says which code is optimised: Sampled, Never, or how often translated code jumps back to
	// a block, or calls it, before the code around that is, whatever it costs; 0 is the first time, and
	// the guest waits for it.
	Optimise int
	// Chance, if it is not 0, has optimised code left at random places, for tests: see chance.go. It
	// is the seed of the random numbers.
	Chance uint64
	// CacheSize is the size of the code cache in bytes.
	CacheSize int
	// NoNativeLib has library functions that the guest brings along translated like any other code.
	// Otherwise they are executed by host code of their own, where their guest code is known, but with Metered,
	// Count and Differs, and where guest memory is reached by a table.
	NoNativeLib bool
	// HostClock has functions of the guest's vdso ask the host's in place of making system calls, where NoNativeLib
	// would not have library functions translated. The guest's clocks must be the host's.
	HostClock bool
	// WX keeps the code cache in memory that is never both writable and executable.
	WX bool
	// Metered has instructions counted, so that CPUs know limits (SetLimit). Everything is translated
	// at once then, and nothing optimised.
	Metered bool
	// Unbounded has addresses used without a look whether they are the guest's.
	Unbounded bool
	// Measure has times measured, and entries counted, for Arch.Stats.
	Measure bool
	// Translated, if set, is called with each translation that is made, by any thread, one
	// at a time. It may call neither this package nor the address space.
	Translated func(*Translation)
	// Optimised, if set, is called with each region that has been optimised, by any thread, under
	// the same conditions. Nothing is kept of what regions were like if it is not set.
	Optimised func(*Optimisation)
	// Stored, if set, opens what earlier runs have stored of the program's translations, and is told what
	// these depend on, beside the guest's code and the executable that they are made by. Nothing is looked at, nor added, with Translated,
	// Optimised, Profile, Count, Differs, Metered or Chance.
	Stored func(config []byte) *transcache.File
	// Symbol says what the guest code at an address is called, for Translated, Optimised and Differs.
	Symbol func(pc uint64) string
	// Profile has CPUs be able to say where samples have found them (guest.Profiled).
	Profile bool
	// Count has the executions of each guest instruction counted: see Arch.Counts.
	Count bool
	// Differs, if set, has each block that is executed checked against the interpreter, and
	// is called when they differ. Threshold is 0 then.
	Differs func(*Difference)
}

const (
	Never   = -1 // nothing is optimised
	Sampled = -2 // what is seen to take much of the guest's time
)

// DefaultOptions are those that suit most programs.
var DefaultOptions = Options{Threshold: 24, Optimise: Sampled, CacheSize: 128 << 20}

// MinCacheSize is the least size of the code cache: any block fits, and a few more.
const MinCacheSize = 128 << 10

// Machine translates the code of one address space, or of several that share it.
type Machine struct {
	as    *mem.Space // nil if there are several
	areas []area     // of which there are translations, if there are several
	limit uint64     // guest addresses from there on are outside of the window, or the table
	opts  Options

	mu      sync.Mutex // guards what follows; see the package comment
	cache   *codecache.Cache
	lifter  guest.Lifter
	unions  opt.Memory // of the last trace in which bytes have been united
	comp    jit.Compiler
	asm     amd64.Assembler
	exits   []codecache.Exit // for use in translate
	faults  []codecache.Fault
	cpus    []weak.Pointer[CPU]
	compact int    // how many of them there may be before those that are gone are left out
	joined  uint64 // how many there have been
	stages  stages // what making translations took

	runs runs // what executing took

	detours detours

	exact  exact // for profiles
	counts *counts
	handed []*uint64 // counters for what is being compiled

	check *checker // nil if nothing is checked

	stored *storage // translations of earlier runs, and for later ones; nil for none

	opt optimiser

	met    bool // the memory may be seen by others: see alone.go
	closed bool // there is no code cache any more

	threshold threshold

	resetMu   sync.Mutex  // held while the cache is emptied; before mu
	resetting atomic.Bool // no CPU may enter the cache
}

// newMachine returns a Machine for an address space with a linear window or a page table, for it alone
// unless areas of code are given, which others have, too.
func newMachine(s *space, areas []area, opts Options) (*Machine, error) {
	m := &Machine{limit: s.limit, areas: areas, opts: opts, lifter: s.guest.NewLifter()}
	m.comp.Table, m.comp.Metered, m.comp.NearSP = s.paged, opts.Metered, !opts.Unbounded || s.paged
	if areas == nil {
		m.as = s.as
	}
	if opts.HostClock {
		m.comp.HostVDSO = hostVDSO()
	}
	if !s.paged {
		m.comp.Direct, m.comp.Unbounded = s.base == 0, opts.Unbounded
		m.comp.AtLimit = areas == nil && uint64(s.base) == s.limit
		m.detours.init(s.as, m.limit)
	}
	m.runs.measured = opts.Measure
	var err error
	if m.cache, err = codecache.New(max(opts.CacheSize, MinCacheSize), jit.FirstExit, opts.WX); err != nil {
		return nil, err
	}
	if opts.Differs != nil {
		if err := m.startChecks(); err != nil {
			return nil, err
		}
	}
	if opts.Count {
		m.counts = newCounts()
		m.comp.Counter = m.nextCounter
	}
	if opts.Metered || opts.Count {
		m.opts.Threshold = 0
	}
	m.threshold.start(m.opts.Threshold)
	m.asm.Buf = m.cache.Buffer()
	m.asm.Nop(16) // no code is at offset 0
	m.comp.Features, m.comp.Limit = jit.HostFeatures(), m.limit
	m.comp.Stubs = jit.EmitStubs(&m.asm)
	m.cache.Keep(m.asm.Buf)
	m.startOptimiser(s.guest.NewLifter())
	m.openStored()
	m.tellStubs()
	start, end := m.cache.Range()
	if err := trap.AddCode(start, end, m.cache.Host(uint32(m.comp.Stubs.Fault)), jit.OffFaultAt, jit.OffExceptions); err != nil {
		m.cache.Close()
		return nil, err
	}
	if opts.Profile {
		m.exact = newExact(m.cache)
	}
	return m, nil
}

// translation returns the translation of a key, made now if need be, for a CPU that is in no
// translated code. It is nil, or one that says so, if the code is for the interpreter.
func (m *Machine) translation(k codecache.Key, c *CPU) *codecache.Block {
	if b := m.lookup(k); b != nil {
		return b
	}
	var code [maxCode]byte
	s, name := c.space, m.symbol(k.PC)
	for {
		changes := s.changes.Load()
		n, _ := s.as.Fetch(k.PC, m.clip(k.PC, code[:]))
		if n < 2 {
			return nil
		}
		checked := s.as.MayChange(k.PC, uint64(n))
		keep := m.stored != nil && !checked && ofFile(s.as, k.PC)
		f := m.function(k.PC, code[:n], c)
		m.mu.Lock()
		if m.closed || s.machine.Load() != m || m.as == nil && checked {
			m.mu.Unlock()
			return nil
		}
		if s.changes.Load() != changes {
			m.mu.Unlock()
			continue
		}
		b, loaded := m.cache.Lookup(k), false
		switch {
		case b != nil:
		case f.fn != ir.NoFunction && !m.detours.has(k):
			b = m.translateFunction(k, f, name)
		default:
			if b = m.cache.Revive(k, code[:n], checked); b == nil && !checked {
				b = m.load(k, code[:n])
				loaded = b != nil
			}
			if b == nil {
				b = m.translate(k, code[:n], m.path(k.PC, code[:n], checked, c), checked, keep, name)
			}
		}
		epoch := m.cache.Epoch
		m.mu.Unlock()
		if loaded {
			r := m.loadRegion(b, c)
			c.loadAhead(b, epoch)
			if r != nil {
				return r
			}
		}
		if b != nil {
			return b
		}
		m.reset(epoch)
	}
}

// lookup returns the translation of a key that has been made, or nil.
func (m *Machine) lookup(k codecache.Key) *codecache.Block {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cache.Lookup(k)
}

// maxCode is how much guest code one trace may have, in bytes.
const maxCode = 256

// translate makes a block, with mu held, and keeps it for later runs if that is wanted. It returns nil if there is no room.
func (m *Machine) translate(k codecache.Key, code []byte, path guest.Path, checked, keep bool, name string) *codecache.Block {
	w := m.watch()
	t, count, size := m.lifter.Lift(code, k.PC, path)
	t = m.unions.JoinTrace(t)
	spoil(t)
	w.lap(&m.stages.lift)
	b := m.cache.NewBlock(k, code[:size])
	b.Path, b.Insts, b.Checked = uint64(path), count, checked
	if count == 0 || interpretsFirst(t) {
		m.cache.AddInterpreted(b)
		return b
	}
	m.asm.Buf = m.cache.Buffer()
	m.comp.Round, m.comp.FirstExit, m.comp.Detours = k.Mode, m.cache.NextExit(), m.detours.has(k)
	var verify []byte
	if checked {
		verify = b.Code
	}
	m.handed = m.handed[:0]
	made, ok := m.comp.Compile(&m.asm, t, verify)
	w.lap(&m.stages.compile)
	if !ok {
		m.cache.AddInterpreted(b)
		return b
	}
	if !m.cache.Fits(m.asm.Buf) {
		return nil
	}
	to, at, ok := m.cache.Tail(made.Tail.End-made.Tail.Start, made.Tail.Start)
	if !ok {
		return nil
	}
	made.Split(&m.asm, to, at)
	b.Entry, b.Body, b.End = uint32(made.Start), uint32(made.Body), uint32(made.End)
	b.Tail, b.TailEnd = uint32(made.Tail.Start), uint32(made.Tail.End)
	b.Insts = made.Insts
	m.add(b, made)
	m.check.keep(b, made)
	if keep {
		m.store(b, made)
	}
	if m.cache.Translated == wideBlocks {
		m.threshold.wide()
	}
	m.counts.add(b, made, m.handed)
	w.lap(&m.stages.install)
	if m.opts.Translated != nil {
		d := m.described(b, name)
		d.Trace, d.Made = t, made
		m.tell(d)
	}
	return b
}

// path is the path of a trace through code at pc: none if it is compared each time. For tests it is any.
func (m *Machine) path(pc uint64, code []byte, checked bool, c *CPU) guest.Path {
	switch {
	case checked:
		return 0
	case m.check != nil || m.opts.Chance != 0:
		return guest.Path(pc * 0x9E3779B97F4A7C15)
	}
	return c.Path(pc, code)
}

// add enters a compiled block into the cache.
func (m *Machine) add(b *codecache.Block, made *jit.Code) {
	m.describe(b, made)
	m.exact.add(b, made)
	m.cache.Add(b, m.asm.Buf, m.exits, m.faults)
}

// describe makes m.exits and m.faults those of a block, and tells it of its states.
func (m *Machine) describe(b *codecache.Block, made *jit.Code) {
	m.exits, m.faults = m.exits[:0], m.faults[:0]
	for _, e := range made.Exits {
		exit := codecache.Exit{Kind: exitKind(e.Op), PC: e.PC, Polled: e.Polled, Block: b, Jump: uint32(e.Jump), Unlinked: uint32(e.Unlinked)}
		if g := e.Guess; g != nil {
			exit.Guess = codecache.Guess{At: uint32(g.At), Miss: uint32(g.Miss), Probe: uint32(g.Probe)}
		}
		m.exits = append(m.exits, exit)
	}
	for _, f := range made.Faults {
		m.faults = append(m.faults, codecache.Fault{Offset: uint32(f.Offset), PC: f.PC, Overflow: f.Overflow, Computed: f.Computed, Look: f.Look, Done: uint8(f.Done), Late: uint32(f.Late.Start), NumLate: uint8(f.Late.End - f.Late.Start)})
	}
	b.States = states(made)
}

// states are those of a piece of code, or nil if it has none of its own.
func states(made *jit.Code) *ir.States {
	s := made.States
	if s.Homes == nil && len(s.Late) == 0 {
		return nil
	}
	return &ir.States{Homes: slices.Clone(s.Homes), Late: slices.Clone(s.Late), Computed: slices.Clone(s.Computed)}
}

// interpretsFirst reports whether a trace leaves its first instruction to the interpreter.
func interpretsFirst(t *ir.Trace) bool {
	for _, i := range t.Code[1:] {
		if i.Op != ir.Inst {
			return i.Op == ir.Interp
		}
	}
	return true
}

func exitKind(op ir.Op) codecache.ExitKind {
	switch op {
	case ir.ExitIf, ir.Goto:
		return codecache.ToBlock
	case ir.CallTo:
		return codecache.ToCall
	case ir.Call, ir.JumpSame:
		return codecache.ToGuess
	case ir.Jump:
		return codecache.ToJump
	case ir.Ecall:
		return codecache.ToSystem
	case jit.Poll:
		return codecache.ToInterrupt
	case jit.Stale:
		return codecache.ToStale
	case jit.Empty:
		return codecache.ToEmpty
	}
	panic("engine: an exit by an operation that has none")
}

// reset empties the cache, for want of room, unless that has happened since epoch. Other
// CPUs leave it first: they look at their interrupt words, and need mu for that.
func (m *Machine) reset(epoch uint64) {
	m.resetMu.Lock()
	defer m.resetMu.Unlock()
	m.mu.Lock()
	cpus := m.live()
	emptied := m.cache.Epoch != epoch
	m.mu.Unlock()
	if emptied {
		return
	}
	m.resetting.Store(true)
	for _, c := range cpus {
		c.FlushCode()
		for wait := time.Microsecond; c.inside.Load(); wait = min(2*wait, 100*time.Microsecond) {
			time.Sleep(wait)
		}
	}
	m.mu.Lock()
	m.exact.forget()
	m.cache.Reset()
	m.check.forget()
	m.counts.forget()
	m.opt.forget()
	m.detours.forget()
	m.mu.Unlock()
	if m.check == nil && m.counts == nil {
		m.threshold.emptied(m.cache.Size())
	}
	m.resetting.Store(false)
}

// waitForReset waits until the cache may be entered.
func (m *Machine) waitForReset() {
	m.resetMu.Lock()
	m.resetMu.Unlock() //lint:ignore SA2001 that was it
}

// live are all CPUs in use, with mu held.
func (m *Machine) live() (cpus []*CPU) {
	kept := m.cpus[:0]
	defer func() { m.compact = max(2*len(kept), 16) }()
	for _, p := range m.cpus {
		if c := p.Value(); c != nil {
			kept = append(kept, p)
			cpus = append(cpus, c)
		}
	}
	m.cpus = kept
	return cpus
}

func (m *Machine) join(c *CPU) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.cpus) >= m.compact {
		m.live()
	}
	m.cpus = append(m.cpus, weak.Make(c))
	c.chance = m.opts.newChance(m.joined)
	m.joined++
}

// part is for a CPU that executes no translations of the machine's any more.
func (m *Machine) part(c *CPU) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i := slices.Index(m.cpus, weak.Make(c)); i >= 0 {
		last := len(m.cpus) - 1
		m.cpus[i] = m.cpus[last]
		m.cpus = m.cpus[:last]
	}
}
