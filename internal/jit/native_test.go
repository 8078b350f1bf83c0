//go:build linux && amd64

package jit

import (
	"bytes"
	"cmp"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/irq"
	"github.com/hospes-vm/hospes/internal/trap"
)

const testPage = 4096

// The pages of guest memory in the tests of library functions: readable and writable ones,
// with inaccessible ones between them, and one that is read-only; the window ends behind
// a writable page.
const testLayout = "rw-wwww-rw-w" // r: read-only, w: writable, -: inaccessible

// nativeTest calls host code for library functions.
type nativeTest struct {
	t    *testing.T
	ctx  *Context
	code []byte // executable
	all  []byte // all guest memory, accessible
	base uintptr
	made map[ir.Function]*Code

	before, ref, again []byte // all, at other times; for use in check

	stack [64]uintptr
}

func newNativeTest(t *testing.T, f Features) *nativeTest {
	m := &nativeTest{t: t, ctx: new(Context), made: map[ir.Function]*Code{}}
	fd, err := unix.MemfdCreate("guest", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	size := len(testLayout) * testPage
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		t.Fatal(err)
	}
	const guard = 1 << 16
	all := mapped(t, -1, guard+size+guard, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON)
	m.base = uintptr(unsafe.Pointer(&all[guard]))
	for n, kind := range testLayout {
		prot := map[rune]uintptr{'r': unix.PROT_READ, 'w': unix.PROT_READ | unix.PROT_WRITE, '-': unix.PROT_NONE}[kind]
		at := uintptr(n * testPage)
		if _, _, errno := unix.Syscall6(unix.SYS_MMAP, m.base+at, testPage, prot, unix.MAP_SHARED|unix.MAP_FIXED, uintptr(fd), at); errno != 0 {
			t.Fatal(errno)
		}
	}
	m.all = mapped(t, fd, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	m.code = mapped(t, -1, 1<<16, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON)
	m.compile(f)
	return m
}

func mapped(t *testing.T, fd, size, prot, flags int) []byte {
	t.Helper()
	b, err := unix.Mmap(fd, 0, size, prot, flags)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Munmap(b) })
	return b
}

const nativePC, returnPC = 0x12340, 0x56780

// compile makes the code of all functions that have some of their own.
func (m *nativeTest) compile(f Features) {
	a := amd64.Assembler{Buf: m.code[:0]}
	c := Compiler{Features: f, Limit: uint64(len(m.all)), FirstExit: FirstExit, HostVDSO: m.hostVDSO()}
	c.Stubs = EmitStubs(&a)
	for fn := ir.NoFunction + 1; fn < ir.NumFunctions; fn++ {
		if fn.Pure() {
			continue
		}
		code := *c.Native(&a, fn, nativePC)
		code.Faults = slices.Clone(code.Faults)
		m.made[fn] = &code
	}
	m.ctx.Init()
	m.ctx.Base, m.ctx.MXCSR = m.base, 0x1f80
	m.ctx.IRQ.Arm(uint64(len(m.all)), JumpMask)
	bottom := &m.stack[len(m.stack)-1]
	*bottom = uintptr(unsafe.Pointer(&m.code[c.Stubs.Return]))
	m.ctx.SetStack(uintptr(unsafe.Pointer(bottom)))
	start := uintptr(unsafe.Pointer(&m.code[0]))
	if err := trap.AddCode(start, start+uintptr(len(m.code)), start+uintptr(c.Stubs.Fault), OffFaultAt, OffExceptions); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { trap.RemoveCode(start) })
}

// call calls a function. It reports whether the function has returned; otherwise it is left
// to the guest's own code.
func (m *nativeTest) call(fn ir.Function, args [4]uint64) (result uint64, returned bool) {
	for n := range m.ctx.R {
		m.ctx.R[n] = uint64(n) * 0x9e3779b97f4a7c15
	}
	m.ctx.R[1] = returnPC
	copy(m.ctx.R[10:], args[:])
	before := m.ctx.R
	code := m.made[fn]
	m.ctx.EmptyStack()
	m.ctx.entry = uintptr(unsafe.Pointer(&m.code[code.Start]))
	enter(m.ctx)
	switch m.ctx.Exit {
	case ExitIndirect:
		result, m.ctx.R[10] = m.ctx.R[10], before[10]
		returned = m.ctx.PC == returnPC
	case ExitFault:
		m.ctx.restore(m.t, m.code, code)
	case ExitInterp:
		if m.ctx.PC != nativePC {
			m.t.Fatalf("%s: left to the interpreter at %#x", fn, m.ctx.PC)
		}
	}
	if m.ctx.R != before {
		m.t.Fatalf("%s%x: registers have changed, exit %d", fn, args, m.ctx.Exit)
	}
	return result, returned
}

// reference is what a function does, byte by byte, as far as pages allow it.
type reference struct {
	mem    []byte
	failed bool
	left   bool // operands overlap that must not, which is left to the guest's function
	free   bool // all pages allow everything
}

func (r *reference) may(addr uint64, kinds string) bool {
	if addr >= uint64(len(r.mem)) {
		r.failed = true
		return false
	}
	if r.free {
		return true
	}
	if !bytes.ContainsRune([]byte(kinds), rune(testLayout[addr/testPage])) {
		r.failed = true
	}
	return !r.failed
}

func (r *reference) load(addr uint64) byte {
	if !r.may(addr, "rw") {
		return 0
	}
	return r.mem[addr]
}

func (r *reference) store(addr uint64, b byte) {
	if r.may(addr, "w") {
		r.mem[addr] = b
	}
}

// copy is move of operands that must not overlap.
func (r *reference) copy(dst, src, n uint64) {
	r.left = dst != src && dst < src+n && src < dst+n
	r.move(dst, src, n)
}

func (r *reference) move(dst, src, n uint64) {
	temp := make([]byte, n)
	for i := range temp {
		temp[i] = r.load(src + uint64(i))
		r.may(dst+uint64(i), "w")
	}
	for i, b := range temp {
		r.store(dst+uint64(i), b)
	}
}

// find returns the distance of the first byte that stop wants, or of a fault, or n.
func (r *reference) find(s, n uint64, stop func(byte) bool) uint64 {
	for i := uint64(0); i < n; i++ {
		if b := r.load(s + i); r.failed || stop(b) {
			return i
		}
	}
	return n
}

func (r *reference) compare(x, y, n uint64, strings bool) uint64 {
	for i := uint64(0); i < n && !r.failed; i++ {
		a, b := r.load(x+i), r.load(y+i)
		if a != b || strings && a == 0 {
			return uint64(int64(a) - int64(b))
		}
	}
	return 0
}

const noBound = 1 << 40

// call is what the function does, and its result.
func (r *reference) call(fn ir.Function, a [3]uint64) uint64 {
	isNul := func(b byte) bool { return b == 0 }
	isByte := func(b byte) bool { return b == byte(a[1]) }
	either := func(b byte) bool { return b == 0 || b == byte(a[1]) }
	switch fn {
	case ir.Memmove:
		r.move(a[0], a[1], a[2])
		return a[0]
	case ir.Memcpy, ir.Mempcpy:
		if r.copy(a[0], a[1], a[2]); fn == ir.Mempcpy {
			return a[0] + a[2]
		}
		return a[0]
	case ir.Memset, ir.Memclr:
		if fn == ir.Memclr {
			a[1] = 0
		}
		for i := range a[2] {
			r.store(a[0]+i, byte(a[1]))
		}
		return a[0]
	case ir.Memcmp:
		return r.compare(a[0], a[1], a[2], false)
	case ir.Memequal:
		if r.compare(a[0], a[1], a[2], false) != 0 {
			return 0
		}
		return 1
	case ir.Cmpmem:
		d := int64(r.compare(a[0], a[1], min(a[2], otherSize(a)), false))
		if d == 0 {
			d = int64(a[2] - otherSize(a))
		}
		return uint64(cmp.Compare(d, 0))
	case ir.Index:
		if i := r.find(a[0], a[2], isByte); i < a[2] {
			return i
		}
		return 1<<64 - 1
	case ir.Strcmp:
		return r.compare(a[0], a[1], noBound, true)
	case ir.Strncmp:
		return r.compare(a[0], a[1], a[2], true)
	case ir.Strlen:
		return r.find(a[0], noBound, isNul)
	case ir.Strnlen:
		return r.find(a[0], a[2], isNul)
	case ir.Memchr:
		if i := r.find(a[0], a[2], isByte); i < a[2] {
			return a[0] + i
		}
		return 0
	case ir.Rawmemchr:
		return a[0] + r.find(a[0], noBound, isByte)
	case ir.Strchr:
		if i := r.find(a[0], noBound, either); r.failed || r.mem[a[0]+i] == byte(a[1]) {
			return a[0] + i
		}
		return 0
	case ir.Strchrnul:
		return a[0] + r.find(a[0], noBound, either)
	}
	n := r.find(a[1], noBound, isNul) // strcpy, stpcpy
	if r.failed {
		return 0
	}
	if r.copy(a[0], a[1], n+1); fn == ir.Stpcpy {
		return a[0] + n
	}
	return a[0]
}

// args are the arguments in the registers of the calling convention: a bound or size comes second where there is
// one operand.
func args(fn ir.Function, a [3]uint64) [4]uint64 {
	switch fn {
	case ir.Strnlen, ir.Memclr, ir.Index:
		return [4]uint64{a[0], a[2], a[1]}
	case ir.Cmpmem:
		return [4]uint64{a[0], a[2], a[1], otherSize(a)}
	}
	return [4]uint64{a[0], a[1], a[2]}
}

// otherSize is the second operand's of a comparison that takes two.
func otherSize(a [3]uint64) uint64 { return a[2] + a[1]%3 - min(a[2], a[0]%2*3) }

// check calls a function and its reference.
func (m *nativeTest) check(fn ir.Function, a [3]uint64) {
	m.t.Helper()
	m.before = append(m.before[:0], m.all...)
	m.ref = append(m.ref[:0], m.all...)
	ref := reference{mem: m.ref}
	want := ref.call(fn, a)
	got, returned := m.call(fn, args(fn, a))
	switch {
	case returned == (ref.failed || ref.left):
		m.t.Fatalf("%s%x: returned %v, but the function faults: %v, its operands overlap: %v", fn, a, returned, ref.failed, ref.left)
	case returned && got != want:
		m.t.Fatalf("%s%x = %#x, want %#x", fn, a, got, want)
	case returned && !bytes.Equal(m.all, ref.mem):
		m.t.Fatalf("%s%x: memory is not as it should be", fn, a)
	case !returned: // the guest's own function must not notice, should the pages be there by then
		m.again = append(m.again[:0], m.all...)
		copy(m.ref, m.before)
		then, now := reference{mem: m.ref, free: true}, reference{mem: m.again, free: true}
		then.call(fn, a)
		now.call(fn, a)
		if !bytes.Equal(then.mem, now.mem) {
			m.t.Fatalf("%s%x: after a fault, the guest's function does something else", fn, a)
		}
	}
	copy(m.all, m.before)
}

// withNative runs f with each set of features that makes a difference.
func withNative(t *testing.T, f func(m *nativeTest)) {
	runtime.LockOSThread()
	trap.Init()
	defer trap.Release()
	for _, erms := range []bool{false, true} {
		if features := HostFeatures(); erms && !features.ERMS {
			continue
		}
		m := newNativeTest(t, Features{ERMS: erms})
		for i := range m.all {
			m.all[i] = byte(1 + i*7%251)
		}
		f(m)
	}
}

// Addresses in the layout: the writable pages in the middle, and where they end.
const (
	middle    = 3 * testPage
	middleEnd = 7 * testPage
)

// TestNativeSizes: small sizes at all alignments, in the middle of pages and at their ends.
func TestNativeSizes(t *testing.T) {
	withNative(t, func(m *nativeTest) {
		for n := uint64(0); n < 150; n++ {
			for k := range uint64(17) {
				dst, src := middle+100+k, middle+2000+n*k%37
				for _, fn := range []ir.Function{ir.Memcpy, ir.Memmove, ir.Mempcpy, ir.Memcmp, ir.Memequal} {
					m.check(fn, [3]uint64{dst, src, n})
					m.check(fn, [3]uint64{middleEnd - n, src, n})
					m.check(fn, [3]uint64{dst, middleEnd - n, n})
				}
				m.check(ir.Memset, [3]uint64{dst, 0xabcdef00 + k, n})
				m.check(ir.Memset, [3]uint64{middleEnd - n, k, n})
				m.check(ir.Memclr, [3]uint64{dst, 1, n})
				m.check(ir.Memclr, [3]uint64{middleEnd - n, k, n})
				m.check(ir.Cmpmem, [3]uint64{dst, src, n})
			}
		}
	})
}

// TestNativeOverlap: operands that overlap, by all distances, with the edges of pages in between.
func TestNativeOverlap(t *testing.T) {
	withNative(t, func(m *nativeTest) {
		for n := uint64(0); n < 300; n += 1 + n/8 {
			for d := -int64(n) - 2; d <= int64(n)+2; d++ {
				src := uint64(middle + testPage - n/2)
				for _, fn := range []ir.Function{ir.Memmove, ir.Memcpy} {
					m.check(fn, [3]uint64{src + uint64(d), src, n})
				}
			}
		}
		for _, n := range []uint64{2000, 5000, 8192} {
			for _, d := range []int64{-70, -64, -16, -3, 0, 1, 8, 63, 64, 65, 2047, 4096} {
				src := uint64(middle + 128)
				for _, fn := range []ir.Function{ir.Memmove, ir.Mempcpy} {
					m.check(fn, [3]uint64{src + uint64(d), src, n})
				}
			}
		}
	})
}

// TestNativeEqual: comparisons of what differs in one byte, or only behind the end.
func TestNativeEqual(t *testing.T) {
	withNative(t, func(m *nativeTest) {
		x, y := uint64(middle+64), uint64(middle+2048+5)
		for n := uint64(0); n < 100; n++ {
			copy(m.all[y:y+n], m.all[x:x+n])
			for i := uint64(0); i <= n; i++ {
				for _, b := range []byte{0, 1, 0x7f, 0x80, 0xff} {
					old := m.all[y+i]
					m.all[y+i] = b
					for _, fn := range []ir.Function{ir.Memcmp, ir.Strncmp, ir.Memequal, ir.Cmpmem} {
						m.check(fn, [3]uint64{x, y, n})
						m.check(fn, [3]uint64{y, x, n})
						m.check(fn, [3]uint64{x + 1, y + 1, n - min(n, 1)})
					}
					m.check(ir.Strcmp, [3]uint64{x, y})
					m.all[y+i] = old
				}
			}
		}
	})
}

// TestNativeStrings: strings of all small lengths, also in the last bytes of a page.
func TestNativeStrings(t *testing.T) {
	withNative(t, func(m *nativeTest) {
		const c = 0x1ff // only its lowest byte counts
		for n := uint64(0); n < 90; n += 1 + n/40 {
			for k := range uint64(17) {
				if k > 2 && (n+k)%5 > 0 {
					continue
				}
				for _, s := range []uint64{middle + 300 + k, middle + testPage - n - 1 + k, middleEnd - n - 1 - k} {
					old := bytes.Clone(m.all[s : s+n+1+k])
					clear(m.all[s+n : s+n+1+k])
					for _, at := range []uint64{n, n / 2, n - 1} {
						if at < n {
							m.all[s+at] = c & 0xff
						}
						m.strings(s, n, c)
					}
					copy(m.all[s:], old)
				}
			}
		}
	})
}

// strings checks the functions on strings with one at s, n bytes long.
func (m *nativeTest) strings(s, n, c uint64) {
	dst := uint64(middle + 2*testPage - n)
	for _, fn := range []ir.Function{ir.Strlen, ir.Strchr, ir.Strchrnul, ir.Rawmemchr} {
		m.check(fn, [3]uint64{s, c})
	}
	m.check(ir.Strchr, [3]uint64{s, 0})
	for _, bound := range []uint64{0, 1, n - 1, n, n + 1, 1 << 63, 1<<64 - 1} {
		m.check(ir.Strnlen, [3]uint64{s, 0, bound})
		m.check(ir.Memchr, [3]uint64{s, c, bound})
		m.check(ir.Memchr, [3]uint64{s, 0, bound})
		m.check(ir.Index, [3]uint64{s, c, bound})
		m.check(ir.Strncmp, [3]uint64{s, s + 1, bound})
	}
	m.check(ir.Strcmp, [3]uint64{s, s})
	m.check(ir.Strcpy, [3]uint64{dst, s})
	m.check(ir.Stpcpy, [3]uint64{dst, s})
	m.check(ir.Strcpy, [3]uint64{s, s + 1})
	m.check(ir.Stpcpy, [3]uint64{middleEnd - n - 1, s})
}

// TestNativeFaults: operands that reach into pages that are not there, are read-only, or
// outside of the window, at one or both ends, or in the middle.
func TestNativeFaults(t *testing.T) {
	withNative(t, func(m *nativeTest) {
		r := rand.New(rand.NewPCG(1, 2))
		end := uint64(len(m.all))
		places := []uint64{0, testPage, 2 * testPage, middle, middle + testPage, middleEnd, 8 * testPage, 9 * testPage, 10 * testPage, 11 * testPage, end, 1 << 38, 1 << 63}
		place := func() uint64 { return places[r.IntN(len(places))] + uint64(r.IntN(200)) - 100 }
		for range 15_000 {
			fn := ir.NoFunction + 1 + ir.Function(r.IntN(int(ir.Clzdi2-1))) // none that is pure, or of the vdso
			n := uint64(1 + r.IntN(200))
			if r.IntN(4) == 0 {
				n = uint64(1 + r.IntN(3*testPage))
			}
			dst, src := place(), place()
			if r.IntN(3) == 0 {
				src = dst + uint64(r.IntN(100)) - 50
			}
			switch fn {
			case ir.Memcmp, ir.Strncmp, ir.Memchr, ir.Strnlen, ir.Memequal, ir.Cmpmem, ir.Index:
				m.reads(fn, dst, src, n)
				continue
			}
			m.check(fn, [3]uint64{dst, src, n})
		}
	})
}

// reads checks a function that need not read all that it may: where it finds out early, it
// may nevertheless be left to the guest's own.
func (m *nativeTest) reads(fn ir.Function, x, y, n uint64) {
	a := [3]uint64{x, y, n}
	ref := reference{mem: m.all}
	want := ref.call(fn, a)
	m.before = append(m.before[:0], m.all...)
	got, returned := m.call(fn, args(fn, a))
	if returned && (ref.failed || got != want) || !bytes.Equal(m.before, m.all) {
		m.t.Fatalf("%s%x = %#x, want %#x, a fault %v", fn, a, got, want, ref.failed)
	}
}

// TestNativeLong: what takes long is left to the guest's own code, before anything has happened.
func TestNativeLong(t *testing.T) {
	withNative(t, func(m *nativeTest) {
		before := bytes.Clone(m.all)
		for _, fn := range []ir.Function{ir.Memcpy, ir.Memmove, ir.Mempcpy, ir.Memset, ir.Memcmp, ir.Memclr, ir.Memequal, ir.Cmpmem} {
			if _, returned := m.call(fn, args(fn, [3]uint64{middle, middle + 8, maxNative + 3})); returned || m.ctx.Exit != ExitInterp && m.ctx.Exit != ExitFault {
				t.Errorf("%s has not been left to the guest", fn)
			}
		}
		if !bytes.Equal(m.all, before) {
			t.Error("memory has changed")
		}
	})
}

// TestNativeInterrupt: the interrupt word is looked at before anything has happened.
func TestNativeInterrupt(t *testing.T) {
	withNative(t, func(m *nativeTest) {
		m.ctx.IRQ.Raise(irq.Signal)
		for fn := range m.made {
			if _, returned := m.call(fn, args(fn, [3]uint64{middle, middle + 64, 5})); returned || m.ctx.Exit != ExitInterp {
				t.Errorf("%s has not been interrupted", fn)
			}
		}
	})
}
