//go:build linux && amd64

package engine

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/jit"
	"github.com/hospes-vm/hospes/internal/opt"
	"github.com/hospes-vm/hospes/stats"
)

// translatedRegions has the first source of each region translated as tier 1 does, and be the
// region, until the test ends.
func translatedRegions(t *testing.T) {
	old := generate
	generate = func(m *Machine, r *region, _ *opt.Region, _ func(string)) {
		m.install(r, func() *jit.Code {
			m.comp.Round, m.comp.FirstExit = r.survey.head.Mode, m.cache.NextExit()
			made, _ := m.comp.Compile(&m.asm, r.sources[0].Trace, nil)
			return made
		})
	}
	t.Cleanup(func() { generate = old })
}

// sums computes in a0 the sum of the first 20,000 numbers, by a function and by a loop within a
// loop.
const sums = `
	li t1, 200
	li a0, 0
	li a1, 0
1:	li a2, 100
2:	jal add
	addi a2, a2, -1
	bnez a2, 2b
	addi t1, t1, -1
	bnez t1, 1b
	ecall
add:	addi a1, a1, 1
	add a0, a0, a1
	ret`

const sumsTo = 20000 * 20001 / 2

// TestInstall: what is hot is executed as a region, in each way of getting there.
func TestInstall(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"at once":    func(o *Options) { o.Optimise = 0 },
		"when hot":   func(o *Options) { o.Optimise = 50 },
		"W^X":        func(o *Options) { o.Optimise, o.WX = 50, true },
		"small":      func(o *Options) { o.Optimise, o.CacheSize = 0, MinCacheSize },
		"all counts": func(o *Options) { o.Optimise, o.Threshold = 1, 10 },
	} {
		t.Run(name, func(t *testing.T) {
			translatedRegions(t)
			opts := Options{CacheSize: 1 << 20}
			change(&opts)
			m, cpu := machineFor(t, sums, opts)
			for range 3 {
				cpu.SetPC(codeAddr)
				run(t, cpu)
				if got := x(cpu, 10); got != sumsTo {
					t.Errorf("the sum is %d, want %d", got, sumsTo)
				}
				m.await()
			}
			s := m.stats().Optimiser
			if s.Regions-s.Undone != 3 || s.NoLoop+s.Failed+s.Changed != 0 || opts.Optimise > 0 && s.Hot != s.Regions {
				t.Errorf("%+v", s)
			}
		})
	}
}

// x is an integer register.
func x(c guest.CPU, n int) uint64 { return c.(*CPU).ctx.R[n] }

// TestSideExit: a region that is left in the midst when the guest has begun to do something else is
// given up for one in which that is.
func TestSideExit(t *testing.T) {
	var got []string
	old := generate
	generate = func(m *Machine, r *region, code *opt.Region, lap func(string)) {
		got = append(got, r.text())
		old(m, r, code, lap)
	}
	t.Cleanup(func() { generate = old })
	m, cpu := machineFor(t, `
	1:	blt a0, a2, 2f
		addi a1, a1, 1
	3:	addi a0, a0, -1
		bnez a0, 1b
		ecall
	2:	addi a3, a3, 1
		j 3b`, Options{Optimise: 20, CacheSize: 1 << 20})
	r := &cpu.(*CPU).ctx.R
	until := func(limit uint64, done func(s stats.Optimiser) bool) {
		t.Helper()
		for end := time.Now().Add(time.Minute); !done(m.stats().Optimiser); {
			cpu.SetPC(codeAddr)
			r[10], r[11], r[12], r[13] = 100, 0, limit, 0
			run(t, cpu)
			if less := min(limit, 101) - 1; r[13] != less || r[11] != 100-less {
				t.Fatalf("%d and %d ways, limit %d", r[11], r[13], limit)
			}
			m.await()
			if time.Now().After(end) {
				t.Fatalf("%+v", m.stats().Optimiser)
			}
		}
	}
	until(1, func(s stats.Optimiser) bool { return s.Regions == 1 })
	until(101, func(s stats.Optimiser) bool { return s.Undone == 1 && s.Regions == 2 })
	want := []string{
		"0: 0x0 4, exitif 0\n",
		"0: 0x0 2, exitif 1, goto 2\n1: 0x14 2, goto 2\n2: 0x8 2, exitif 0\n",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestInstallRaces: regions are made while threads execute the code, and while it is dropped,
// revived and forgotten.
func TestInstallRaces(t *testing.T) {
	translatedRegions(t)
	m, first := machineFor(t, sums, Options{Optimise: 20, CacheSize: MinCacheSize})
	stop := make(chan struct{})
	var others sync.WaitGroup
	for range 3 {
		cpu := first.Clone()
		others.Go(func() {
			runtime.LockOSThread()
			debug.SetPanicOnFault(true)
			for {
				select {
				case <-stop:
					return
				default:
				}
				cpu.SetPC(codeAddr)
				if exit := cpu.Run(); exit.Kind != guest.ExitSyscall {
					t.Errorf("%+v", exit)
					return
				}
				if got := x(cpu, 10); got != sumsTo {
					t.Errorf("the sum is %d, want %d", got, sumsTo)
					return
				}
			}
		})
	}
	r := rand.New(rand.NewPCG(1, 1))
	regions := func() uint64 {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.cache.Regions
	}
	for begin := time.Now(); time.Since(begin) < 500*time.Millisecond || regions() == 0 && time.Since(begin) < time.Minute; {
		switch r.IntN(20) {
		case 0:
			m.mu.Lock()
			epoch := m.cache.Epoch
			m.mu.Unlock()
			m.reset(epoch)
		default:
			first.(*CPU).space.codeChanged(codeAddr+r.Uint64N(60), 1)
		}
		time.Sleep(time.Duration(r.IntN(300)) * time.Microsecond)
	}
	close(stop)
	others.Wait()
	if regions() == 0 {
		t.Error("no region has been made")
	}
}

// TestSampled: loops that take much of the guest's time become regions once there is time for making some, and
// samples end when no guest thread runs.
func TestSampled(t *testing.T) {
	translatedRegions(t)
	m, cpu := machineFor(t, sums, Options{Optimise: Sampled, CacheSize: 1 << 20})
	spend := func(d time.Duration) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.opt.budget.spent = d
	}
	again := func() stats.Optimiser {
		cpu.SetPC(codeAddr)
		if run(t, cpu); x(cpu, 10) != sumsTo {
			t.Fatalf("the sum is %d, want %d", x(cpu, 10), sumsTo)
		}
		return m.stats().Optimiser
	}
	spend(time.Hour)
	for end := time.Now().Add(20 * period); time.Now().Before(end); {
		if s := again(); s.Regions != 0 || s.Thunks != 0 {
			t.Fatalf("without time: %+v", s)
		}
	}
	m.await()
	if !m.opt.parked.Load() {
		t.Error("samples have ended for good")
	}
	spend(0)
	for end := time.Now().Add(time.Minute); again().Regions == 0; {
		if time.Now().After(end) {
			t.Fatalf("with time: %+v", m.stats().Optimiser)
		}
	}
	m.await()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.opt.sampler.racing != nil && !time.Now().Before(m.opt.sampler.until) {
		t.Error("loops are counted for ever")
	}
}

// TestAround: of a loop that goes round but a few times each time, no region is made, but of the one around it, unless that
// calls something.
func TestAround(t *testing.T) {
	const outer, middle, inner = codeAddr + 4, codeAddr + 8, codeAddr + 12 // heads of loops
	for _, test := range []struct {
		middle, inner int // how often they go round
		more          string
		want          uint64
	}{{3, 3, "nop", outer}, {100, 3, "nop", middle}, {3, 100, "nop", inner}, {40, 40, "nop", inner}, {3, 3, "jal 4f", middle}, {3, 3, strings.Repeat("nop\n", 20*maxSource), outer}} {
		m, cpu := machineFor(t, fmt.Sprintf(`
			li t1, 1000
		1:	li t2, %d
		2:	li t3, %d
		3:	addi t3, t3, -1
			bnez t3, 3b
			addi t2, t2, -1
			bnez t2, 2b
			%s
			addi t1, t1, -1
			bnez t1, 1b
			jal 4f
			ecall
		4:	ret`, test.middle, test.inner, test.more), Options{Optimise: Sampled, CacheSize: 1 << 20})
		m.mu.Lock()
		m.opt.budget.spent = time.Hour // so that requests wait
		m.mu.Unlock()
		for range 2 { // the first time, loops are translated and linked
			cpu.SetPC(codeAddr)
			run(t, cpu)
			m.mu.Lock()
			if m.opt.sampler.racing == nil && len(m.opt.queue) == 0 {
				m.watchLoops(m.rivals(m.cache.Lookup(cpu.(*CPU).key(inner))), time.Now().Add(time.Hour))
			}
			m.mu.Unlock()
		}
		m.mu.Lock()
		if q := m.opt.queue; len(q) != 1 || q[0].head.PC != test.want {
			t.Errorf("%d times %d rounds: %d requests", test.middle, test.inner, len(q))
			for _, r := range q {
				t.Errorf("of %#x, want %#x", r.head.PC, test.want)
			}
		}
		m.opt.queue = nil
		m.mu.Unlock()
	}
}

// TestLongFunction: where no loop takes the time, a region is made of the function that does, if it is long and calls nothing.
func TestLongFunction(t *testing.T) {
	const function = codeAddr + 64
	for _, test := range []struct {
		name string
		long int // instructions before and after more
		more string
		want bool
	}{
		{"a hash", 350, "bnez a1, 3f", true}, {"a short function", 40, "nop", false}, {"one that is too long", maxLong, "nop", false},
		{"one that calls", 350, "mv t0, ra\njal 4f\nmv ra, t0", false}, {"a switch", 350, "auipc a2, 0\nadd a2, a2, a1\njr 12(a2)", false},
	} {
		m, cpu := machineFor(t, fmt.Sprintf(`
			li t1, 20000
			li a0, 0
			li a1, 0
		1:	jal 2f
			addi t1, t1, -1
			bnez t1, 1b
			ecall
			.balign 64
		2:	.rept %d
			addi a0, a0, 3
			.endr
			%s
		3:	.rept %[1]d
			addi a0, a0, 5
			.endr
		4:	ret`, test.long, test.more), Options{Optimise: Sampled, CacheSize: 1 << 20})
		again := func() {
			cpu.SetPC(codeAddr)
			if run(t, cpu); x(cpu, 10) != 20000*8*uint64(test.long) {
				t.Fatalf("%s: a0 is %d", test.name, x(cpu, 10))
			}
		}
		for range 2 {
			again()
		}
		m.mu.Lock()
		head := m.longFunction(m.cache.Lookup(cpu.(*CPU).key(function + 4*maxSource)))
		m.mu.Unlock()
		if (head != nil) != test.want || head != nil && head.PC != function {
			t.Errorf("%s: %+v", test.name, head)
		}
		if !test.want {
			continue
		}
		for end := time.Now().Add(time.Minute); m.stats().Optimiser.Insts < 2*uint64(test.long); again() {
			if time.Now().After(end) {
				t.Fatalf("%s: %+v", test.name, m.stats().Optimiser)
			}
		}
	}
}

// TestSamplesAreUnseen: a sample takes no reservation away, wherever the thread is.
func TestSamplesAreUnseen(t *testing.T) {
	for _, threshold := range []int{0, 20} {
		m, cpu := machineFor(t, `
			li t1, 3000
			li a0, 0
		1:	li a1, 50
			lr.d a2, (sp)
		2:	addi a1, a1, -1
			bnez a1, 2b
			sc.d a3, a2, (sp)
			add a0, a0, a3
			addi t1, t1, -1
			bnez t1, 1b
			ecall`, Options{Optimise: threshold, CacheSize: 1 << 20})
		cpu.SetSP(testAddr)
		stop := make(chan struct{})
		var samples sync.WaitGroup
		samples.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					m.mu.Lock()
					m.sample()
					m.mu.Unlock()
					runtime.Gosched()
				}
			}
		})
		for range 10 {
			cpu.SetPC(codeAddr)
			if run(t, cpu); x(cpu, 10) != 0 {
				t.Errorf("threshold %d: %d stores have failed", threshold, x(cpu, 10))
			}
		}
		close(stop)
		samples.Wait()
	}
}

// TestBudgetTimes: how much time there is for how much of the guest.
func TestBudgetTimes(t *testing.T) {
	const ms = time.Millisecond
	for _, test := range []struct{ guest, regions, allowed time.Duration }{
		{0, 0, 0}, {160 * ms, 0, 4 * ms}, {400 * ms, 0, 6500 * time.Microsecond}, {4000 * ms, 0, 29 * ms},
		{400 * ms, 20 * ms, 8500 * time.Microsecond}, {400 * ms, 200 * ms, 10 * ms}, {4000 * ms, 800 * ms, 100 * ms},
	} {
		for _, more := range []time.Duration{-ms, 0, ms} {
			b := budget{spent: test.allowed + more, gained: test.regions}
			if got := b.over(test.guest); got != more {
				t.Errorf("%v of %v are %v too much, want %v", b.spent, test.guest, got, more)
			}
		}
	}
	if b := (budget{spent: processTime() + time.Hour}); b.wait() != maxWait {
		t.Errorf("an hour too much: %v", b.wait())
	}
	if b := (budget{spent: time.Hour, unlimited: true}); b.wait() != 0 {
		t.Error("there is a limit")
	}
}

// TestForkedProfile: what a fork has interrupted is forgotten where the cache has been.
func TestForkedProfile(t *testing.T) {
	m, cpu := machineFor(t, sums, Options{Optimise: 1 << 20, CacheSize: 1 << 20, WX: true})
	run(t, cpu)
	p := m.startProfile(m.lookup(cpu.(*CPU).key(codeAddr)))
	if p == nil || len(p.exits) == 0 {
		t.Fatal("nothing is counted")
	}
	m.forked()
	if s := m.survey(p.head, p); s != nil {
		t.Error("there is a survey of code that is gone")
	}
	cpu.SetPC(codeAddr)
	if run(t, cpu); x(cpu, 10) != sumsTo {
		t.Errorf("the sum is %d, want %d", x(cpu, 10), sumsTo)
	}
}
