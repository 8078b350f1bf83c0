//go:build linux

package mem_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hospes-vm/hospes/internal/mem"
)

// Random sequences of calls, made in a Space and natively, in a part of this process's
// own address space: results, errors, permissions and contents have to agree. A sequence is a string of bytes, opSize for each call, so that
// the fuzzer can make it; seeds make others.

const (
	zone      = uint64(0x10_0000_0000) // where all of it happens
	distance  = uint64(1 << 45)        // to where it happens natively; neither Go nor the kernel maps there
	zonePages = 48
	filePages = 6 // and a half
	opSize    = 8
)

// zoneEnd is the end of the zone for a page size.
func zoneEnd(page uint64) uint64 { return zone + zonePages*page }

// call is one call, decoded. Addresses and lengths are in bytes.
type call struct {
	kind      callKind
	addr, n   uint64
	to, m     uint64 // of mremap: where to, and the new length
	prot      mem.Prot
	flags     mem.Flags
	remap     mem.RemapFlags
	file      int // index of the file, or -1
	off       uint64
	val       byte
	unaligned bool
}

type callKind int

const (
	callMmap callKind = iota
	callMunmap
	callMprotect
	callMremap
	callStore
	callLoad
	numCalls
)

// decodeCall makes a call of opSize bytes.
func decodeCall(b []byte, page uint64) call {
	at := uint64(b[1]) % zonePages
	c := call{
		kind: []callKind{callMmap, callMmap, callMmap, callMunmap, callMprotect, callMprotect, callMremap, callMremap, callStore, callStore, callStore, callLoad}[b[0]%12],
		addr: zone + at*page, n: (1 + uint64(b[2])%12) * page,
		to: zone + uint64(b[3])%zonePages*page, m: uint64(b[4]) % 16 * page,
		prot:  []mem.Prot{mem.None, mem.Read, mem.Read | mem.Write, mem.Read | mem.Write, mem.Read | mem.Write, mem.Write, mem.Read | mem.Exec}[b[5]%7],
		remap: mem.RemapFlags(b[6] % 8),
		file:  -1, val: b[7],
	}
	c.flags = []mem.Flags{mem.MapFixed, mem.MapFixed, mem.MapFixedNoReplace, 0}[b[6]%4]
	switch b[6] >> 2 % 4 {
	case 1:
		c.flags |= mem.MapShared
	case 2:
		c.file = 0
	case 3:
		c.file, c.flags = 1, c.flags|mem.MapShared
	}
	c.off = uint64(b[4]) % filePages * page
	if b[7]%8 == 7 { // neither sizes nor places have to be round
		c.n -= uint64(b[4]) * 13 % page
		c.unaligned = b[7]%64 == 63
	}
	if c.unaligned {
		c.addr += 16
	}
	if c.kind == callLoad || c.kind == callStore {
		c.addr = zone + at*page + uint64(b[4])%2*(page/2+8)
	}
	if end := zoneEnd(page); c.addr+c.n > end {
		c.n = end - c.addr
	}
	c.m = min(c.m, zoneEnd(page)-c.to)
	return c
}

// aim has a call mean a mapping that is there, or the end of one, in two of three cases.
func (c *call) aim(vmas []mem.VMA, b []byte) {
	if len(vmas) == 0 || c.kind == callMmap || c.kind >= callStore || b[3]%3 == 0 {
		return
	}
	v := vmas[int(b[1])%len(vmas)]
	c.addr, c.n = v.Start, v.Len()
	if b[3]%3 == 1 {
		c.n = min(c.n, (1+uint64(b[2])%3)*mem.PageSize)
		c.addr = v.End - c.n
	}
}

// place is what a call says about an address: where in the zone, or 1 for outside of it.
func place(addr, page uint64) uint64 {
	if addr >= zone && addr < zoneEnd(page) {
		return addr
	}
	return 1
}

// outcome is what a call comes to. A load or store that faults has errno EFAULT.
type outcome struct {
	value uint64
	errno syscall.Errno
}

func (o outcome) String() string { return fmt.Sprintf("%#x %v", o.value, int(o.errno)) }

func outcomeOf(v uint64, err error) outcome {
	e, _ := err.(syscall.Errno)
	return outcome{v, e}
}

// A world is where calls are made: do makes one, and page tells of the page at an address: its
// permissions, "rw-p" and the like, the offset in its file, and what the bytes at its beginning
// and in its middle say.

// spaceWorld is a Space.
type spaceWorld struct {
	s     *mem.Space
	size  uint64
	files [2]*os.File
}

func (w *spaceWorld) do(c call) outcome {
	switch c.kind {
	case callMmap:
		r := mem.Request{Addr: c.addr, Len: c.n, Prot: c.prot, Flags: c.flags}
		if c.file >= 0 {
			r.File, r.Offset = &mem.File{FD: int(w.files[c.file].Fd()), Ino: uint64(c.file + 1)}, c.off
		}
		at, err := w.s.Mmap(r)
		return w.placed(at, c.n, err)
	case callMunmap:
		return outcomeOf(0, w.s.Munmap(c.addr, c.n))
	case callMprotect:
		return outcomeOf(0, w.s.Mprotect(c.addr, c.n, c.prot))
	case callMremap:
		at, err := w.s.Mremap(c.addr, c.n, c.m, c.remap, c.to)
		return w.placed(at, c.m, err)
	case callStore:
		if f := w.s.Store(c.addr, 1, uint64(c.val)); f != nil {
			return outcome{0, syscall.EFAULT}
		}
		return outcome{}
	}
	v, f := w.s.Load(c.addr, 1)
	if f != nil {
		return outcome{0, syscall.EFAULT}
	}
	return outcome{v, 0}
}

// placed is the outcome of a call that gives an address. What is outside of the zone is
// of no use there.
func (w *spaceWorld) placed(at, n uint64, err error) outcome {
	if err != nil {
		return outcomeOf(0, err)
	}
	p := place(at, w.size)
	if p == 1 {
		_ = w.s.Munmap(at, n)
	}
	return outcome{p, 0}
}

func (w *spaceWorld) page(addr uint64) string {
	v, ok := w.s.Lookup(addr)
	if !ok {
		return "unmapped"
	}
	sharing, off := "p", uint64(0)
	if v.Shared {
		sharing = "s"
	}
	if v.File != nil {
		off = v.Offset + addr - v.Start
	}
	text := fmt.Sprintf("%s%s %#x", v.Prot, sharing, off)
	for _, at := range []uint64{addr, addr + w.size/2 + 8} {
		text += " " + w.do(call{kind: callLoad, addr: at}).String()
	}
	return text
}

// nativeWorld is this process.
type nativeWorld struct {
	size  uint64
	files [2]*os.File
	maps  []mapsLine // nil after a call
}

func (w *nativeWorld) do(c call) outcome {
	w.maps = nil
	switch c.kind {
	case callMmap:
		flags, fd := unix.MAP_PRIVATE, -1
		if c.flags&mem.MapShared != 0 {
			flags = unix.MAP_SHARED
		}
		if c.flags&mem.MapFixed != 0 {
			flags |= unix.MAP_FIXED
		}
		if c.flags&mem.MapFixedNoReplace != 0 {
			flags |= unix.MAP_FIXED_NOREPLACE
		}
		if c.file < 0 {
			flags |= unix.MAP_ANONYMOUS
		} else {
			fd = int(w.files[c.file].Fd())
		}
		return w.placed(unix.SYS_MMAP, c.n, c.addr+distance, c.n, uint64(c.prot), uint64(flags), uint64(fd), c.off)
	case callMunmap:
		return native(unix.SYS_MUNMAP, c.addr+distance, c.n)
	case callMprotect:
		return native(unix.SYS_MPROTECT, c.addr+distance, c.n, uint64(c.prot))
	case callMremap:
		return w.placed(unix.SYS_MREMAP, c.m, c.addr+distance, c.n, c.m, uint64(c.remap), c.to+distance)
	}
	return touch(c.addr, c.kind == callStore, c.val)
}

func native(nr uintptr, args ...uint64) outcome {
	var a [6]uintptr
	for i := range args {
		a[i] = uintptr(args[i])
	}
	v, _, e := syscall.Syscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
	if e != 0 {
		v = 0
	}
	return outcome{uint64(v), e}
}

// placed makes a call that gives an address of n bytes.
func (w *nativeWorld) placed(nr uintptr, n uint64, args ...uint64) outcome {
	o := native(nr, args...)
	if o.errno != 0 {
		return o
	}
	p := place(o.value-distance, w.size)
	if p == 1 {
		native(unix.SYS_MUNMAP, o.value, n)
	}
	return outcome{p, 0}
}

// touch loads or stores a byte.
func touch(addr uint64, store bool, val byte) (o outcome) {
	p := uintptr(addr + distance)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if recover() != nil {
			o = outcome{0, syscall.EFAULT}
		}
	}()
	b := *(**byte)(unsafe.Pointer(&p))
	if store {
		*b = val
		return outcome{}
	}
	return outcome{uint64(*b), 0}
}

// mapsLine is a line of /proc/self/maps.
type mapsLine struct {
	start, end, off, ino uint64
	perm                 string
}

// zoneMaps is what the kernel says of the zone.
func zoneMaps() (lines []mapsLine) {
	text, _ := os.ReadFile("/proc/self/maps")
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		f := strings.Fields(s.Text())
		first, last, _ := strings.Cut(f[0], "-")
		l := mapsLine{perm: f[1]}
		l.start, _ = strconv.ParseUint(first, 16, 64)
		l.end, _ = strconv.ParseUint(last, 16, 64)
		l.off, _ = strconv.ParseUint(f[2], 16, 64)
		l.ino, _ = strconv.ParseUint(f[4], 10, 64)
		if len(f) > 5 && f[5] == "/dev/zero" {
			l.ino = 0 // shared anonymous memory
		}
		l.start, l.end = l.start-distance, l.end-distance
		if l.end > zone && l.start < zoneEnd(mem.PageSize) {
			lines = append(lines, l)
		}
	}
	return lines
}

func (w *nativeWorld) page(addr uint64) string {
	if w.maps == nil {
		w.maps = zoneMaps()
	}
	for _, l := range w.maps {
		if addr < l.start || addr >= l.end {
			continue
		}
		if l.ino != 0 {
			l.off += addr - l.start
		} else {
			l.off = 0
		}
		text := fmt.Sprintf("%s %#x", l.perm, l.off)
		for _, at := range []uint64{addr, addr + w.size/2 + 8} {
			text += " " + touch(at, false, 0).String()
		}
		return text
	}
	return "unmapped"
}

// newFiles makes the two files, of which the first is mapped privately only.
func newFiles(t testing.TB, page uint64) (files [2]*os.File) {
	for i := range files {
		f, err := os.Create(filepath.Join(t.TempDir(), fmt.Sprint(i)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		b := make([]byte, filePages*page+page/2)
		for k := range b {
			b[k] = byte(k/int(page/2) + 100*i)
		}
		if _, err := f.Write(b); err != nil {
			t.Fatal(err)
		}
		files[i] = f
	}
	return files
}

// compareNative makes the calls of ops in both worlds.
func compareNative(t *testing.T, s *mem.Space, ops []byte) {
	if base, limit := s.Mapping().Window(); limit != 0 && base == 0 {
		t.Skip("the zone is the guest's")
	}
	page := uint64(mem.PageSize)
	nat := &nativeWorld{size: page, files: newFiles(t, page)}
	own := &spaceWorld{s: s, size: page, files: newFiles(t, page)}
	native(unix.SYS_MUNMAP, zone+distance, 2*zonePages*page) // what is grown there may reach beyond the zone
	defer native(unix.SYS_MUNMAP, zone+distance, 2*zonePages*page)
	var log []string
	for i := 0; i+opSize <= len(ops); i += opSize {
		c := decodeCall(ops[i:], page)
		if ops[i+7]&1 != 0 {
			c.aim(s.VMAs(), ops[i:])
		}
		if c.kind == callMremap && (severalVMAs(s, c.addr, c.n) || s.Granule() != page && extendsFile(s, c)) {
			continue
		}
		want, got := nat.do(c), own.do(c)
		log = append(log, fmt.Sprintf("%+v: native %v", c, want))
		if got != want {
			t.Fatalf("call %d: %v, natively %v; the calls were\n%s", i/opSize, got, want, strings.Join(log[max(0, len(log)-12):], "\n"))
		}
		if c.kind >= callStore {
			continue // the next call of another kind shows it
		}
		for addr := zone; addr < zoneEnd(page); addr += page {
			if want, got := nat.page(addr), own.page(addr); got != want {
				t.Fatalf("call %d: page %#x is %s, natively %s; the calls were\n%s", i/opSize, addr, got, want,
					strings.Join(log[max(0, len(log)-12):], "\n"))
			}
		}
	}
	checkList(t, s)
}

// severalVMAs reports whether [addr, addr+n) lies in more than one VMA, here or natively:
// since version 6.17 Linux moves these with mremap(2), with one call; before, and in a
// Space, it is EFAULT. Which VMAs become one depends on the pages, too, in the kernel.
func severalVMAs(s *mem.Space, addr, n uint64) bool {
	for _, l := range zoneMaps() {
		if l.start <= addr && addr < l.end && l.end < addr+n {
			return true
		}
	}
	v, ok := s.Lookup(addr)
	return ok && v.End < addr+n
}

// extendsFile reports whether a call of mremap(2) is one that package subpage refuses.
func extendsFile(s *mem.Space, c call) bool {
	v, _ := s.Lookup(c.addr)
	return v.File != nil && !v.Shared && (c.remap&mem.RemapDontUnmap != 0 || c.m > c.n) || v.File == nil && v.Shared && c.m > c.n
}

// checkList looks for VMAs that overlap, or should be one.
func checkList(t *testing.T, s *mem.Space) {
	vmas := s.VMAs()
	if !slices.IsSortedFunc(vmas, func(a, b mem.VMA) int { return int(int64(a.Start - b.Start)) }) {
		t.Errorf("unsorted: %+v", vmas)
	}
	for i := 1; i < len(vmas); i++ {
		if vmas[i-1].End > vmas[i].Start {
			t.Errorf("%+v and %+v overlap", vmas[i-1], vmas[i])
		}
	}
}

// randomCalls are n calls of a seed.
func randomCalls(seed uint64, n int) []byte {
	rnd := rand.New(rand.NewPCG(seed, 5))
	var b []byte
	for range n {
		b = binary.LittleEndian.AppendUint64(b, rnd.Uint64())
	}
	return b
}

func TestAgainstNative(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			eachMapping(t, func(t *testing.T, s *mem.Space) { compareNative(t, s, randomCalls(seed, 150)) })
		})
	}
}

func FuzzAgainstNative(f *testing.F) {
	for seed := range uint64(4) {
		f.Add(randomCalls(seed, 100))
	}
	f.Fuzz(func(t *testing.T, ops []byte) {
		eachMapping(t, func(t *testing.T, s *mem.Space) { compareNative(t, s, ops[:min(len(ops), 400*opSize)]) })
	})
}
