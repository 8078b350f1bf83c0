//go:build linux && amd64

package peer

import (
	"bytes"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/hospes-vm/hospes/internal/testcmd"
)

// The test runs itself as the process that is looked at: with this variable it
// publishes a record and waits for its standard input to end.
const asPeer = "HOSPES_TEST_PEER"

var (
	memory  [3 * pageSize]byte
	runs    []run
	detours [3]uint64
)

func address[T any](v *T) uint64 { return uint64(uintptr(unsafe.Pointer(v))) }

// page is the first whole page of memory.
func page() uint64 { return (address(&memory) + pageSize - 1) &^ (pageSize - 1) }

func TestMain(m *testing.M) {
	kind := os.Getenv(asPeer)
	if kind == "" {
		os.Exit(m.Run())
	}
	if kind == "late" {
		for begin := time.Now(); time.Since(begin) < 400*time.Millisecond; {
		}
	}
	copy(memory[page()-address(&memory):], "guest memory")
	d := Description{Kind: Offset, Base: page(), Limit: pageSize, ArgStart: 7}
	if kind == "table" {
		// Guest page 513 is there, and may be read; another is outside of guest memory.
		runs = []run{
			{guest: 513 * pageSize, n: pageSize, host: page(), prot: protRead},
			{guest: 515 * pageSize, n: pageSize, host: page() + pageSize/2, prot: protRead},
		}
		d = Description{Kind: Table, Runs: address(&runs), Limit: 1 << 38, Base: page(), Size: pageSize}
	}
	if kind == "detours" {
		// Guest page 1 lies where page 0 is, which has no detour; it may be read. Page 2 has one that
		// allows nothing.
		detours = [3]uint64{0, page() - pageSize | protRead | 8, page() - 2*pageSize | 8}
		d.Detours, d.DetoursEnd, d.Limit = address(&detours), 3*pageSize, 3*pageSize
	}
	ok := Publish(&d, "/guest/exe", "/root/guest/exe", "/root")
	SetHidden([]int{48, 50})
	Join(101, os.Getpid())
	gone := Join(102, os.Getpid())
	Join(103, 1)
	gone.Leave()
	os.Stdout.WriteString(strconv.FormatBool(ok) + "\n")
	_, _ = os.Stdin.Read(make([]byte, 1))
	os.Stdout.Write(memory[page()-address(&memory):][:16])
}

// start runs the test as a peer. The function ends it and returns its guest memory.
func start(t *testing.T, kind string) (*Peer, func() string) {
	cmd := testcmd.Command(t, "/proc/self/exe")
	cmd.Env = append(os.Environ(), asPeer+"="+kind)
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 5)
	if _, err := out.Read(line); err != nil || string(line) != "true\n" {
		t.Fatalf("%q, %v", line, err)
	}
	p, err := Open(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return p, func() string {
		in.Close()
		var b bytes.Buffer
		_, _ = b.ReadFrom(out)
		_ = cmd.Wait()
		return strings.TrimRight(b.String(), "\x00")
	}
}

func TestOffset(t *testing.T) {
	p, end := start(t, "offset")
	defer end()
	if p.Exe != "/guest/exe" || p.HostExe != "/root/guest/exe" || p.Root != "/root" || p.D.ArgStart != 7 {
		t.Errorf("%q %q %d", p.Exe, p.HostExe, p.D.ArgStart)
	}
	if got := p.Hidden(); !slices.Equal(got, []int{48, 50}) {
		t.Errorf("hidden descriptors %v", got)
	}
	if got := p.Threads(p.PID); !slices.Equal(got, []int{101}) {
		t.Errorf("threads %v", got)
	}
	if _, ok := p.ThreadAddr(103); !ok {
		t.Error("a thread of a child that shares memory is not found")
	}
	check(t, p, 0, end)
}

// TestLate: one that has other things to do first is waited for.
func TestLate(t *testing.T) {
	cmd := testcmd.Command(t, "/proc/self/exe")
	cmd.Env = append(os.Environ(), asPeer+"=late")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if p, err := Open(cmd.Process.Pid); err != nil || p.Exe != "/guest/exe" {
		t.Errorf("%v, %v", p, err)
	}
	_ = in.Close()
	_ = cmd.Wait()
}

func TestTable(t *testing.T) {
	p, end := start(t, "table")
	const addr = 513 * pageSize
	if n, e := p.ReadMem(make([]byte, 4), addr-4); e == 0 {
		t.Errorf("read %d bytes of a page that is not there", n)
	}
	b := make([]byte, 2*pageSize)
	if n, e := p.ReadMem(b, addr); n != pageSize || e != 0 {
		t.Errorf("read %d bytes over the end: %v", n, e)
	}
	if n, e := p.WriteMem(addr, b[:1]); e == 0 {
		t.Errorf("wrote %d bytes to a page that may only be read", n)
	}
	if _, e := p.ReadMem(b[:1], addr+2*pageSize); e == 0 {
		t.Error("read what is not guest memory")
	}
	if e := p.WriteHost(p.D.Runs+8, bytesOf(new(uint64))); e != 0 {
		t.Error(e)
	}
	if _, e := p.ReadMem(b[:1], addr); e == 0 {
		t.Error("read without a list")
	}
	end()
}

func TestDetours(t *testing.T) {
	p, end := start(t, "detours")
	defer end()
	b := make([]byte, 12)
	for _, addr := range []uint64{0, pageSize} {
		if n, e := p.ReadMem(b, addr); n != 12 || e != 0 || string(b) != "guest memory" {
			t.Errorf("at %#x: read %d bytes, %q: %v", addr, n, b, e)
		}
	}
	if n, e := p.WriteMem(pageSize, b); e == 0 {
		t.Errorf("wrote %d bytes where reading is allowed", n)
	}
	if n, e := p.ReadMem(b, 2*pageSize); e == 0 {
		t.Errorf("read %d bytes where nothing is allowed", n)
	}
	if host, ok := p.Host(2*pageSize + 5); !ok || host != p.D.Base+5 {
		t.Errorf("host address %#x, %v", host, ok)
	}
}

// check reads and writes guest memory that begins at addr.
func check(t *testing.T, p *Peer, addr uint64, end func() string) {
	b := make([]byte, 12)
	if n, e := p.ReadMem(b, addr); n != 12 || e != 0 || string(b) != "guest memory" {
		t.Errorf("read %d bytes, %q: %v", n, b, e)
	}
	if n, e := p.WriteMem(addr+6, []byte("MEMORY")); n != 6 || e != 0 {
		t.Errorf("wrote %d bytes: %v", n, e)
	}
	if n, e := p.ReadMem(make([]byte, 16), addr+pageSize-8); n != 8 || e != 0 {
		t.Errorf("read %d bytes at the end: %v", n, e)
	}
	if _, e := p.ReadMem(b, p.D.Limit); e == 0 {
		t.Error("read beyond the limit")
	}
	if got := end(); got != "guest MEMORY" {
		t.Errorf("the peer has %q", got)
	}
}

func TestNative(t *testing.T) {
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	if _, err := Open(cmd.Process.Pid); err != ErrNative {
		t.Errorf("Open: %v", err)
	}
	if _, err := Open(1 << 30); err == nil || err == ErrNative {
		t.Errorf("Open of no process: %v", err)
	}
}

func BenchmarkOpen(b *testing.B) {
	d := Description{Kind: Offset}
	if !Publish(&d, "/bin/true", "/bin/true", "") {
		b.Fatal("no record")
	}
	for b.Loop() {
		if _, err := Open(os.Getpid()); err != nil {
			b.Fatal(err)
		}
	}
}
