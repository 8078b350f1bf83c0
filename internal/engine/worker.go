//go:build linux && amd64

package engine

import (
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hospes-vm/hospes/internal/codecache"
	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/jit"
	"github.com/hospes-vm/hospes/internal/opt"
	"github.com/hospes-vm/hospes/stats"
)

// optimiser makes regions of what is hot, on a goroutine of its own that exists as long as
// there is something to do.
type optimiser struct {
	on       bool // hot code is optimised
	sampling bool // which is found by samples

	// Guarded by Machine.mu.
	queue   []request
	sampler sampler     // none if blocks are counted from the beginning
	jumps   int         // computed jumps that are still to come back here, for a profile
	watches int         // how often there have been such
	running bool        // there is a goroutine for these
	start   *time.Timer // that it begins by
	parked  atomic.Bool // there is none, as no guest thread was running
	pid     int         // the process whose the code cache is
	budget  budget
	stats   stats.Optimiser

	mu     sync.Mutex // held while a region is made, with what follows; before Machine.mu
	lifter guest.Lifter
	gen    generator
	memory opt.Memory
}

// request is for a region that is entered at a block.
type request struct {
	head *codecache.Block
	at   time.Time
}

// again is how often code is executed that has been in a region which was given up, before another is made.
const again = 2000

// maxQueue is the greatest length of the queue. Who comes later has to become hot again.
const maxQueue = 256

// generate makes host code of a region, has it installed, and calls lap after each stage of
// that. Tests put others in its place.
var generate func(m *Machine, r *region, code *opt.Region, lap func(stage string))

func init() { generate = (*Machine).generate }

// startOptimiser decides whether hot code is optimised. m.comp is ready for use.
func (m *Machine) startOptimiser(l guest.Lifter) {
	o := &m.opt
	o.lifter, o.pid, o.gen.comp = l, os.Getpid(), m.comp
	o.gen.comp.MarkOps, o.gen.comp.Chance = m.opts.Optimised != nil, m.opts.Chance != 0
	o.on = m.opts.Optimise != Never && m.opts.Differs == nil && !m.opts.Metered && !m.opts.Count
	o.sampling = o.on && m.opts.Optimise == Sampled
	o.parked.Store(o.sampling)
	o.budget.unlimited = !o.sampling
	m.cache.CountCalls = !o.sampling // see survey.form
	m.cache.Threshold = uint32(max(m.opts.Optimise, 1))
	if o.sampling {
		m.cache.Threshold = again
	}
}

// request asks for a region that is entered at a block, with mu held.
func (m *Machine) request(b *codecache.Block) {
	o := &m.opt
	o.stats.Hot++
	m.cache.Hot(b)
	m.endRace()
	if len(o.queue) == maxQueue {
		m.cache.Watch(b, m.cache.Threshold)
		o.stats.Put++
		return
	}
	o.queue = append(o.queue, request{b, time.Now()})
	o.stats.Longest = max(o.stats.Longest, len(o.queue))
	m.startWorker(0)
}

// startWorker has a goroutine work on requests, in a while, if there is none, with mu held.
func (m *Machine) startWorker(while time.Duration) {
	if o := &m.opt; !o.running {
		o.running = true
		o.parked.Store(false)
		o.start = time.AfterFunc(while, m.work)
	}
}

// unpark starts the goroutine if it has ended for want of guest threads that run. Short programs end
// before it begins.
func (m *Machine) unpark() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.opt.parked.Load() {
		m.startWorker(period)
	}
}

// work works on requests, and takes samples. While a region is made, there already is a profile of
// the next one.
func (m *Machine) work() {
	var p *profile
	for {
		var wait time.Duration
		if p == nil {
			p, wait = m.nextProfile()
		}
		switch {
		case p != nil:
			m.awaitProfile(p)
			p = m.profiled(p)
		case wait > 0:
			time.Sleep(wait)
		default:
			return
		}
	}
}

// profiled makes a region. It returns the profile of the next one, or nil. It keeps its thread, whose
// time counts.
func (m *Machine) profiled(p *profile) (next *profile) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := threadTime()
	defer func() {
		m.mu.Lock()
		m.opt.budget.spent += threadTime() - start
		m.mu.Unlock()
	}()
	m.opt.mu.Lock()
	defer m.opt.mu.Unlock()
	w := m.watch()
	s := m.survey(p.head, p)
	m.lap(&w, "survey")
	m.mu.Lock()
	more := len(m.opt.queue) > 0
	m.mu.Unlock()
	if more {
		next, _ = m.nextProfile()
	}
	m.lap(&w, "profile")
	m.attempt(s, &w)
	return next
}

// nextProfile begins with the next request: see next.
func (m *Machine) nextProfile() (p *profile, wait time.Duration) {
	for {
		b, wait := m.next()
		if b == nil {
			return nil, wait
		}
		if p := m.startProfile(b); p != nil {
			return p, 0
		}
	}
}

// next returns what to make a region of, or how long to wait for there to be something, or time for it. The
// goroutine is to end if it returns neither.
func (m *Machine) next() (b *codecache.Block, wait time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o := &m.opt
	wait = o.budget.wait()
	if len(o.queue) > 0 && wait == 0 {
		r := o.queue[0]
		o.queue = o.queue[1:]
		o.stats.Waited += time.Since(r.at)
		return r.head, 0
	}
	if m.closed {
		o.queue, o.running = nil, false
		return nil, 0
	}
	if !o.sampling {
		if len(o.queue) == 0 {
			o.queue, o.running = nil, false
		}
		return nil, wait
	}
	return nil, m.look(wait == 0)
}

// look takes a sample, and has loops counted if there is time for making regions, with mu held. It returns when to
// do so again, or 0.
func (m *Machine) look(timely bool) (wait time.Duration) {
	s := &m.opt.sampler
	switch {
	case s.racing != nil:
		if time.Now().After(s.until) {
			m.endRace()
		}
	case timely && len(m.opt.queue) == 0:
		m.race()
	}
	if !m.sample() {
		m.opt.running = false
		m.opt.parked.Store(true)
		return 0
	}
	return period
}

// attempt is make for a guest that can do without: should the optimiser fail on its code, that stays
// as it is. Where everything is optimised at once, as in tests, it does not go unnoticed.
func (m *Machine) attempt(s *survey, w *stopwatch) {
	defer func() {
		if m.opt.budget.unlimited {
			return
		}
		if recover() != nil {
			m.refuse(&m.opt.stats.Failed)
		}
	}()
	m.make(s, w)
}

// optimise makes a region that is entered at a block, without a profile. The caller holds no lock.
func (m *Machine) optimise(head *codecache.Block) {
	m.opt.mu.Lock()
	defer m.opt.mu.Unlock()
	w := m.watch()
	s := m.survey(head, nil)
	m.lap(&w, "survey")
	m.make(s, &w)
}

// make makes a region of a survey, or of nil if code has changed. The caller holds m.opt.mu.
func (m *Machine) make(s *survey, w *stopwatch) {
	o := &m.opt
	lap := func(stage string) { m.lap(w, stage) }
	if s == nil {
		m.refuse(&o.stats.Changed)
		return
	}
	if o.sampling && !s.counted && !s.head.Region { // it is not executed any more
		m.refuse(&o.stats.Put)
		return
	}
	r := s.form(o.lifter)
	lap("discovery")
	if r == nil {
		m.refuseHead(s.head)
		return
	}
	if o.sampling && r.leftSoon() {
		m.refuseShort(s.head)
		return
	}
	r.name = m.symbol(s.head.PC)
	code, err := o.memory.Form(r.sources)
	lap("form")
	if err != nil {
		m.refuse(&o.stats.Failed)
		return
	}
	code.NoLooks, code.Alone = s.blind, m.alone()
	if m.opts.Optimised != nil {
		r.history = new(opt.History)
		for _, s := range r.sources {
			r.names = append(r.names, m.symbol(s.Trace.PC))
		}
	}
	r.history.Note("form", code)
	opt.Optimise(code, func(pass string) {
		lap(pass)
		r.history.Note(pass, code)
	})
	r.alone = code.Relied
	generate(m, r, code, lap)
}

// refuseHead notes that there is no region of a block.
func (m *Machine) refuseHead(b *codecache.Block) {
	m.mu.Lock()
	b.Refused = true
	m.mu.Unlock()
	m.refuse(&m.opt.stats.NoLoop)
}

// refuseShort notes that a region of a block would be left too soon. Should that be so again, there is none of it.
func (m *Machine) refuseShort(b *codecache.Block) {
	m.mu.Lock()
	b.Refused, b.Short = b.Short, true
	m.mu.Unlock()
	m.refuse(&m.opt.stats.Short)
}

// refuse counts a region that is not made.
func (m *Machine) refuse(n *uint64) {
	m.mu.Lock()
	*n++
	m.mu.Unlock()
}

// install has a region executed, with the host code that put appends to m.asm, unless
// guest code has changed. put is called with mu held.
func (m *Machine) install(r *region, put func() *jit.Code) {
	code := m.guestCode(r.code)
	m.mu.Lock()
	defer m.mu.Unlock()
	o := &m.opt
	if m.closed || !r.survey.valid() || r.alone && m.met || m.foreign() {
		o.stats.Changed++
		return
	}
	m.asm.Buf = m.cache.Buffer()
	made := put()
	if !m.cache.Fits(m.asm.Buf) {
		o.stats.Failed++
		m.tellRegion(r, nil, nil)
		return
	}
	b := &codecache.Block{
		Key: r.survey.head.Key, Region: true, More: r.code, Insts: r.insts, Alone: r.alone,
		Entry: uint32(made.Start), Body: uint32(made.Body), End: uint32(made.End),
	}
	old := m.cache.Lookup(b.Key)
	m.describe(b, made)
	m.exact.add(b, made)
	m.storeRegion(b, made, code)
	m.cache.AddRegion(b, m.asm.Buf, m.exits, m.faults)
	m.retarget(old, b)
	m.tellRegion(r, b, made)
	o.stats.Insts += uint64(b.Insts)
	o.stats.HostBytes += uint64(b.End - b.Entry)
}

// foreign reports whether the code cache still is that of the parent, in a process that a fork has made.
func (m *Machine) foreign() bool { return m.opts.WX && m.opt.pid != os.Getpid() }

// setJump has computed jumps of a CPU to a block's guest address lead to its code.
func (m *Machine) setJump(c *CPU, to *codecache.Block) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b := m.cache.Lookup(to.Key); b != nil && !b.Interpreted() {
		c.ctx.SetJump(b.PC, m.cache.Host(b.Body))
	}
}

// forked is for a process that a fork has made, with mu held; lost says that the cache is empty.
// If it is not, the copied goroutine goes on with what its parent also does.
func (o *optimiser) forked(lost bool) {
	o.stats, o.budget.spent, o.budget.gained = stats.Optimiser{}, 0, 0
	o.pid = os.Getpid()
	if lost {
		o.forget()
	}
}

// forget forgets what is to be done, with mu held.
func (o *optimiser) forget() {
	o.queue, o.sampler.warm, o.sampler.racing, o.jumps = nil, nil, nil, 0
}

// lap adds the time since the last lap to a stage.
func (m *Machine) lap(w *stopwatch, stage string) {
	if !w.on {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	list := m.opt.stats.Stages
	for k := range list {
		if list[k].Name == stage {
			w.lap(&list[k].Time)
			return
		}
	}
	list = append(list, stats.Stage{Name: stage})
	w.lap(&list[len(list)-1].Time)
	m.opt.stats.Stages = list
}
