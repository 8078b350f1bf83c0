//go:build linux && amd64

package engine

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/blake2b"

	"github.com/hospes-vm/hospes/internal/codecache"
	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/guest/riscv"
	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/mem/offset"
	"github.com/hospes-vm/hospes/internal/transcache"
	"github.com/hospes-vm/hospes/internal/trap"
	"github.com/hospes-vm/hospes/stats"
)

// storedSource has calls, returns, computed jumps, loops, and accesses to memory, in enough blocks to be worth storing.
var storedSource = storedProgram(12)

// storedProgram has n times as much.
func storedProgram(n int) string {
	return "li s0, 0\nli s1, 30\n9:" + strings.Repeat(`
	addi s0, s0, 1
	sd s0, -8(sp)
	beqz s1, 1f
	jal 2f
1:	ld a0, -8(sp)
	add s0, a0, s1
	j 3f
2:	auipc t0, 0
	addi t0, t0, 12
	jr t0
4:	ret
3:`, n) + `
	addi s1, s1, -1
	bnez s1, 9b
	mv a0, s0
	ecall
`
}

// sumStored is what storedSource computes.
const sumStored = 12*30 + 12*30*31/2

// runStored runs a program, whose code is a file's, with translations stored in a directory, and returns its result.
func runStored(t testing.TB, dir string, code []byte, opts Options) (result uint64, s stats.Translator) {
	t.Helper()
	s = runStoredWith(t, dir, code, opts, func(cpu guest.CPU) {
		run(t, cpu)
		result = x(cpu, 10)
	})
	return result, s
}

// runStoredWith is runStored for who executes the program in ways of its own.
func runStoredWith(t testing.TB, dir string, code []byte, opts Options, execute func(cpu guest.CPU)) stats.Translator {
	t.Helper()
	mapping, err := offset.New(1 << 32)
	if err != nil {
		t.Fatal(err)
	}
	as := mem.New(mapping, mem.PageSize, 1<<20)
	defer as.Close()
	mapPage(t, as, testAddr, mem.MapFixed)
	file := &mem.File{FD: -1, Content: bytes.NewReader(code)}
	r := mem.Request{Addr: codeAddr, Len: uint64(len(code)), Prot: mem.Read | mem.Exec, Flags: mem.MapFixed, File: file}
	if _, err := as.Mmap(r); err != nil {
		t.Fatal(err)
	}
	trap.Faults()
	opts.CacheSize = 1 << 20
	opts.Stored = func(config []byte) *transcache.File {
		return transcache.Open(transcache.Place{Dir: dir, Name: "test", Config: blake2b.Sum256(config)}, false)
	}
	a := &Arch{Arch: riscv.Arch, Options: opts}
	if err := a.Open(as); err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	cpu := a.NewCPU(as)
	cpu.SetPC(codeAddr)
	cpu.SetSP(testAddr + mem.PageSize)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	execute(cpu)
	a.Save()
	return a.Stats()
}

// regionSource has loops that become regions, one of them with a function that is inlined. The last one stores to one page after the
// other until there is none, so it is left with values in places of its own; its end is never reached.
var regionSource = storedSource[:strings.LastIndex(storedSource, "ecall")] + `
	li s1, 500
1:	jal 2f
	addi s1, s1, -1
	bnez s1, 1b
	j 3f
2:	addi a0, a0, 3
	ret
3:	li a1, 0
	li a3, 7
	addi a2, sp, -256
4:	add a1, a1, a3
	slli a4, a1, 3
	xor a5, a4, a3
	addiw a6, a5, 5
	sd a6, 0(a2)
	addi a2, a2, 4
	addi a3, a3, 9
	j 4b
`

// TestStoredRegions: the second run has the regions of the first one, and faults in them leave the same registers.
func TestStoredRegions(t *testing.T) {
	code := assembled(t, regionSource)
	state := func(dir string, opts Options) (regs [32]uint64, pc uint64, s stats.Translator) {
		s = runStoredWith(t, dir, code, opts, func(cpu guest.CPU) {
			for exit := cpu.Run(); exit.Kind != guest.ExitTrap; exit = cpu.Run() {
				if exit.Kind != guest.ExitInterrupt {
					t.Fatalf("%+v at %#x", exit, cpu.PC())
				}
			}
			regs, pc = [32]uint64(cpu.(*CPU).ctx.R[:32]), cpu.PC()
		})
		return regs, pc, s
	}
	want, wantPC, _ := state(storedDir(t), Options{Threshold: 1 << 30, Optimise: Never})
	for name, opts := range map[string]Options{"": {Optimise: 0}, "threshold": {Threshold: 2, Optimise: 0}, "wx": {Optimise: 0, WX: true}} {
		t.Run(name, func(t *testing.T) {
			dir := storedDir(t)
			for n := range 3 {
				got, pc, s := state(dir, opts)
				if got != want || pc != wantPC {
					t.Errorf("run %d: at %#x, %x, want %#x, %x", n, pc, got, wantPC, want)
				}
				o := s.Optimiser
				if n == 0 && (o.Regions < 3 || o.Loaded != 0) || n > 0 && (o.Regions != 0 || o.Loaded < 3 || s.Translated != 0 || s.Rejected != 0) {
					t.Errorf("run %d: %d regions made, %d loaded; %d blocks translated; %d rejected", n, o.Regions, o.Loaded, s.Translated, s.Rejected)
				}
			}
		})
	}
}

func storedDir(t testing.TB) string {
	old := debug.SetPanicOnFault(true)
	t.Cleanup(func() { debug.SetPanicOnFault(old) })
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestStored: the second run translates nothing, whatever the threshold, and its result is the same.
func TestStored(t *testing.T) {
	code := assembled(t, storedSource)
	for name, opts := range map[string]Options{
		"threshold": {Threshold: 2, Optimise: Never},
		"at once":   {Threshold: 0, Optimise: Never},
		"wx":        {Threshold: 2, Optimise: Never, WX: true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := storedDir(t)
			var translated uint64
			for n := range 3 {
				got, s := runStored(t, dir, code, opts)
				if got != sumStored {
					t.Errorf("run %d: the sum is %d, want %d", n, got, sumStored)
				}
				switch {
				case n == 0:
					translated = s.Translated
					if s.Loaded != 0 || s.Written != translated || translated < 30 {
						t.Errorf("at first: %d loaded, %d of %d written", s.Loaded, s.Written, translated)
					}
				case s.Translated != 0 || s.Loaded != translated || s.Rejected != 0 || s.Written != 0:
					t.Errorf("run %d: %d translated, %d loaded of %d, %d rejected, %d written", n, s.Translated, s.Loaded, translated, s.Rejected, s.Written)
				}
			}
		})
	}
}

// TestStoredExits: exits of what has been loaded lead to where the engine is told of them, until they are linked.
func TestStoredExits(t *testing.T) {
	dir := storedDir(t)
	code := assembled(t, strings.ReplaceAll(storedSource, "\n1:", "\nauipc t1, 0\naddi t1, t1, 44\nsd t1, -24(sp)\nld t1, -24(sp)\njalr t1\n1:")) // with calls that are guessed
	opts := Options{Threshold: 2, Optimise: Never}
	runStored(t, dir, code, opts)
	runStoredWith(t, dir, code, opts, func(cpu guest.CPU) {
		c := cpu.(*CPU)
		c.m.mu.Lock()
		defer c.m.mu.Unlock()
		for pc := uint64(codeAddr); pc < codeAddr+uint64(len(code)); pc += 2 {
			c.m.load(codecache.Key{PC: pc}, code[pc-codeAddr:])
		}
		exits := 0
		for _, b := range c.m.cache.Blocks() {
			for _, e := range c.m.cache.Exits(b) {
				if e.To() == nil && e.Kind != codecache.ToJump {
					exits++
					displacement := binary.LittleEndian.Uint32(c.m.cache.Buffer()[e.Jump:])
					if e.Jump+4+displacement != e.Unlinked {
						t.Errorf("%#x: the exit to %#x leads %#x bytes on, not from %#x to %#x", b.PC, e.PC, displacement, e.Jump+4, e.Unlinked)
					}
				}
			}
		}
		if exits < 40 {
			t.Errorf("%d exits", exits)
		}
	})
}

// TestStoredTried: a later run knows how often a region has been looked for, and given up, in vain.
func TestStoredTried(t *testing.T) {
	dir := storedDir(t)
	code := assembled(t, storedSource)
	opts := Options{Threshold: 2, Optimise: 1 << 20}
	for n, want := range []uint8{0, 5, 5} {
		runStoredWith(t, dir, code, opts, func(cpu guest.CPU) {
			run(t, cpu)
			m := cpu.(*CPU).m
			m.mu.Lock()
			defer m.mu.Unlock()
			for _, data := range m.stored.regions {
				if data != nil {
					t.Errorf("run %d: what is known is stored again", n)
				}
			}
			for _, b := range m.cache.Blocks() {
				if b.Tried != want || b.Undone != want/2 || b.NoLooks != (want > 0) {
					t.Errorf("run %d: tried %d times, %d undone, no looks: %t", n, b.Tried, b.Undone, b.NoLooks)
				}
				if n == 0 {
					b.Tried, b.Undone, b.NoLooks = 5, 2, true
					m.noteTried(b)
				}
			}
		})
	}
}

// TestStoredChanged: what is not a translation of what memory holds is not executed.
func TestStoredChanged(t *testing.T) {
	dir := storedDir(t)
	opts := Options{Threshold: 2, Optimise: Never}
	runStored(t, dir, assembled(t, storedSource), opts)
	changed := assembled(t, strings.NewReplacer("s0, s0, 1", "s0, s0, 2", "-8(sp)", "-16(sp)").Replace(storedSource))
	for n := range 2 {
		got, s := runStored(t, dir, changed, opts)
		if got != sumStored+12*30 {
			t.Errorf("the sum is %d, want %d", got, sumStored+12*30)
		}
		if n == 0 && (s.Rejected == 0 || s.Loaded == 0) || n == 1 && s.Rejected+s.Translated != 0 {
			t.Errorf("run %d: %d rejected, %d loaded, %d translated", n, s.Rejected, s.Loaded, s.Translated)
		}
	}
}

// TestStoredAhead: translations are loaded before the guest gets there, over many pages of code, and linked; with others than
// the guest's code in between.
func TestStoredAhead(t *testing.T) {
	dir := storedDir(t)
	const n = 1000
	opts := Options{Threshold: 2, Optimise: Never, Measure: true}
	code := assembled(t, storedProgram(n))
	want := uint64(n*30 + n*30*31/2)
	got, s := runStored(t, dir, code, opts)
	if got != want || s.Left.Exits < s.Translated/2 {
		t.Errorf("at first: the sum is %d, want %d; %d exits for %d translations", got, want, s.Left.Exits, s.Translated)
	}
	if got, s = runStored(t, dir, code, opts); got != want || s.Left.Exits > s.Loaded/3 || s.Translated > 0 {
		t.Errorf("later: the sum is %d, want %d; %d exits for %d translations, %d made", got, want, s.Left.Exits, s.Loaded, s.Translated)
	}
	if s.Chained < s.Loaded {
		t.Errorf("%d links between %d translations", s.Chained, s.Loaded)
	}
	for at, changed := 0, 0; changed < 50; changed++ { // addi s0, s0, 1 -> 2
		at += bytes.Index(code[at:], []byte{0x13, 0x04, 0x14, 0})
		code[at+2] = 0x24
		at += 700
		want += 30
	}
	if got, s = runStored(t, dir, code, opts); got != want || s.Translated == 0 || s.Translated > 100 {
		t.Errorf("code has changed: the sum is %d, want %d; %d translations", got, want, s.Translated)
	}
}

// TestStoredConfig: translations for another way to execute code are not found.
func TestStoredConfig(t *testing.T) {
	dir := storedDir(t)
	code := assembled(t, storedSource)
	runStored(t, dir, code, Options{Threshold: 2, Optimise: Never})
	if got, s := runStored(t, dir, code, Options{Threshold: 2, Optimise: Never, Unbounded: true}); got != sumStored || s.Loaded != 0 {
		t.Errorf("the sum is %d; %d loaded", got, s.Loaded)
	}
	if got, s := runStored(t, dir, code, Options{Threshold: 2, Optimise: Never, NoNativeLib: true}); got != sumStored || s.Loaded != 0 {
		t.Errorf("without host code for functions of libraries: the sum is %d; %d loaded", got, s.Loaded)
	}
}

// TestStoredAnonymous: code that is no file's is not stored.
func TestStoredAnonymous(t *testing.T) {
	dir := storedDir(t)
	m, cpu := machineFor(t, storedSource, Options{CacheSize: 1 << 20, Threshold: 2, Optimise: Never, Stored: func([]byte) *transcache.File {
		return transcache.Open(transcache.Place{Dir: dir, Name: "test"}, false)
	}})
	run(t, cpu)
	m.saveStored()
	if s := m.stats(); s.Written != 0 || s.Translated == 0 {
		t.Errorf("%d of %d written", s.Written, s.Translated)
	}
}

// TestStoredHostile: whatever data has the right checksum, loading it does no harm.
func TestStoredHostile(t *testing.T) {
	dir := storedDir(t)
	code := assembled(t, storedSource)
	_, first := runStored(t, dir, code, Options{Threshold: 2, Optimise: Never})
	m, _ := machineFor(t, storedSource, Options{CacheSize: 1 << 20, Optimise: Never, Stored: func(config []byte) *transcache.File {
		return transcache.Open(transcache.Place{Dir: dir, Name: "test", Config: blake2b.Sum256(config)}, false)
	}})
	var list [][]byte
	var keys []codecache.Key
	for pc := uint64(codeAddr); pc < codeAddr+uint64(len(code)); pc += 2 {
		k := codecache.Key{PC: pc}
		if data, ok := m.stored.file.Get(storedKey(k), nil); ok {
			list, keys = append(list, data), append(keys, k)
		}
	}
	if len(list) != int(first.Translated) {
		t.Fatalf("%d of %d translations", len(list), first.Translated)
	}
	r := rand.New(rand.NewPCG(3, 4))
	loaded := 0
	for n := range 20000 {
		i := r.IntN(len(list))
		data := damaged(r, n, list[i])
		m.mu.Lock()
		b := m.loadData(keys[i], code[keys[i].PC-codeAddr:], data)
		if b != nil {
			loaded++
			start, end := uint32(len(m.cache.Reserved())), uint32(len(m.cache.Buffer()))
			if b.Entry < start || b.Body < b.Entry || b.End > end || b.End < b.Body || b.TailEnd < b.Tail || b.Tail < end || b.TailEnd > uint32(m.cache.Size()) {
				t.Errorf("a block at %#x, %#x, %#x and %#x, %#x in %#x..%#x", b.Entry, b.Body, b.End, b.Tail, b.TailEnd, start, end)
			}
			m.cache.Forget(keys[i])
		}
		m.mu.Unlock()
		if n%1000 == 0 {
			m.reset(m.cache.Epoch)
		}
	}
	if loaded == 0 {
		t.Error("no change was without consequence")
	}
}

// damaged is a copy of data that is shorter, longer, or has another byte.
func damaged(r *rand.Rand, n int, data []byte) []byte {
	data = bytes.Clone(data)
	switch n % 3 {
	case 0:
		data = data[:r.IntN(len(data))]
	case 1:
		data = append(data, byte(n))
	default:
		data[r.IntN(len(data))] = byte(r.Uint32())
	}
	return data
}

// TestStoredHostileRegions is that for regions.
func TestStoredHostileRegions(t *testing.T) {
	m, _ := machineFor(t, storedSource, Options{CacheSize: 1 << 20, Optimise: 0})
	code := assembled(t, storedSource)
	k := codecache.Key{PC: codeAddr}
	head := m.cache.NewBlock(k, code[:2])
	states := &ir.States{
		Homes:    []ir.Recovery{{Register: 5, From: ir.InHost, N: 3}},
		Late:     []ir.Recovery{{Register: 6, From: ir.IsComputed}, {Register: 7, From: ir.IsConst, N: -9, Fix: ir.FixSign}},
		Computed: []ir.Computation{{Op: ir.Add, Imm: 4, Args: [2]ir.Recovery{{From: ir.InVariable, N: 40}, {From: ir.InSpill}}}},
	}
	var e encoder
	e.uint16(1)
	e.uint16(9)
	e.uint16(2)
	for _, at := range []int{0, 16} {
		e.uint64(codeAddr + uint64(at))
		e.uint16(8)
		e.bytes(code[at : at+8])
	}
	e.states(states)
	whole := decoder{data: e}
	b := m.decodeRegion(head, &whole)
	if b == nil || !b.Alone || b.Insts != 9 || len(b.More) != 2 || !cmp.Equal(b.States, states) || len(whole.data) != 0 {
		t.Fatalf("read as %+v, %+v", b, b.States)
	}
	r := rand.New(rand.NewPCG(7, 8))
	found := 0
	for n := range 20000 {
		if b := m.decodeRegion(head, &decoder{data: damaged(r, n, e)}); b != nil {
			found++
		}
	}
	if found == 0 {
		t.Error("no change was without consequence")
	}
}

// TestStoredDamaged: a file that is damaged anywhere changes no result.
func TestStoredDamaged(t *testing.T) {
	dir := storedDir(t)
	code := assembled(t, storedSource)
	opts := Options{Threshold: 2, Optimise: Never}
	runStored(t, dir, code, opts)
	name := filepath.Join(dir, "test")
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(5, 6))
	translated := uint64(0)
	for range 300 {
		b := bytes.Clone(whole)
		for range 1 + r.IntN(30) {
			b[r.IntN(len(b))] ^= 1 << r.IntN(8)
		}
		if err := os.WriteFile(name, b[:len(b)-r.IntN(2)*r.IntN(len(b))], 0o600); err != nil {
			t.Fatal(err)
		}
		got, s := runStored(t, dir, code, opts)
		if got != sumStored {
			t.Fatalf("the sum is %d, want %d", got, sumStored)
		}
		translated += s.Translated
	}
	if translated == 0 {
		t.Error("nothing was damaged")
	}
}

// BenchmarkLoad loads stored translations, one after the other.
func BenchmarkLoad(b *testing.B) {
	dir := storedDir(b)
	code := assembled(b, storedProgram(1000))
	runStored(b, dir, code, Options{Threshold: 2, Optimise: Never})
	m, _ := machineFor(b, storedProgram(1000), Options{CacheSize: 4 << 20, Optimise: Never, Stored: func(config []byte) *transcache.File {
		return transcache.Open(transcache.Place{Dir: dir, Name: "test", Config: blake2b.Sum256(config)}, false)
	}})
	var keys []codecache.Key
	for pc := uint64(codeAddr); pc < codeAddr+uint64(len(code)); pc += 2 {
		if k := (codecache.Key{PC: pc}); m.stored.file.Has(storedKey(k)) {
			keys = append(keys, k)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if n%len(keys) == 0 {
			m.cache.Reset()
		}
		k := keys[n%len(keys)]
		if m.load(k, code[k.PC-codeAddr:]) == nil {
			b.Fatalf("nothing at %#x", k.PC)
		}
	}
}
