package gdbstub

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hospes-vm/hospes/internal/guest"
)

// fake is a process of two threads with 16 KiB of memory from 0x1000 on.
type fake struct {
	memory   [4 << 12]byte
	set      [2][]byte // registers of the threads
	points   map[Point]bool
	wants    Wants
	actions  map[ID]Action // of the last Resume
	queue    []Event
	events   chan struct{}
	launched Launch
	gone     string // how the process was left
	idle     func() // is called when the process has been resumed and nothing is going to happen to it
}

func newFake() *fake {
	f := &fake{points: map[Point]bool{}, events: make(chan struct{}, 1)}
	for i := range f.set {
		f.set[i] = []byte{byte(i), 1, 2, 3, 4, 5, 6, 7, 0xe5, 0xff, 0, 0}
	}
	copy(f.memory[:], "}#$* text\x00")
	return f
}

func (f *fake) Machine() string { return "test" }

func (f *fake) Features() []guest.Feature {
	return []guest.Feature{{Name: "test.core", Registers: []guest.Register{
		{Name: "zero", Type: "int", Size: 8},
		{Name: "pc", Type: "code_ptr", Note: 1, Size: 8, ThreadPointer: true},
		{Name: "low", Type: "int", Note: 1, Offset: 8, Size: 4, Width: 5},
		{Name: "high", Type: "int", Note: 1, Offset: 8, Size: 4, Shift: 5, Width: 3},
	}}}
}

func (f *fake) Threads() []ID {
	if f.gone != "" {
		return nil
	}
	return []ID{{10, 10}, {10, 11}}
}
func (f *fake) Name(id ID) string             { return fmt.Sprintf("<thread %d>", id.TID) }
func (f *fake) Created(int) bool              { return true }
func (f *fake) Regset(id ID, _ uint32) []byte { return slices.Clone(f.set[id.TID-10]) }
func (f *fake) SetRegset(id ID, _ uint32, b []byte) bool {
	f.set[id.TID-10] = b
	return true
}

func (f *fake) part(addr uint64) []byte {
	if addr -= 0x1000; addr > uint64(len(f.memory)) {
		return nil
	}
	return f.memory[addr:]
}
func (f *fake) ReadMem(_ int, b []byte, addr uint64) int  { return copy(b, f.part(addr)) }
func (f *fake) WriteMem(_ int, addr uint64, b []byte) int { return copy(f.part(addr), b) }
func (f *fake) Insert(_ int, p Point) bool {
	f.points[p] = true
	return true
}
func (f *fake) Remove(_ int, p Point) bool {
	delete(f.points, p)
	return true
}
func (f *fake) SetWants(w Wants) { f.wants = w }
func (f *fake) Resume(action func(ID) (Action, bool)) bool {
	f.actions = map[ID]Action{}
	for _, id := range f.Threads() {
		if a, ok := action(id); ok {
			f.actions[id] = a
		}
	}
	if len(f.queue) > 0 {
		f.events <- struct{}{}
	} else if f.idle != nil {
		f.idle()
	}
	return len(f.actions) > 0
}
func (f *fake) Events() <-chan struct{} { return f.events }
func (f *fake) Poll() (e Event, ok bool) {
	e, f.queue = f.queue[0], f.queue[1:]
	if e.Kind == Exited {
		f.gone = "exited"
	}
	return e, true
}
func (f *fake) Interrupt() {
	f.queue = append(f.queue, Event{ID: ID{10, 11}, Signal: 2})
	f.events <- struct{}{}
}
func (f *fake) Run(l Launch) (int, bool) {
	f.gone = ""
	f.launched = l
	return 10, l.Program != "/nowhere"
}
func (f *fake) Attach(pid int) bool {
	f.gone = ""
	return pid == 10
}
func (f *fake) Detach(int) bool {
	f.gone = "detached"
	return true
}
func (f *fake) Kill(int) bool {
	f.gone = "killed"
	return true
}
func (f *fake) Siginfo(ID) []byte                        { return make([]byte, 128) }
func (f *fake) SetSiginfo(_ ID, b []byte) bool           { return b[0] == 9 }
func (f *fake) Auxv(int) []byte                          { return nil }
func (f *fake) Exe(int) string                           { return "/prog" }
func (f *fake) Open(int, string, int, int) (File, error) { return nil, syscall.ENOENT }
func (f *fake) Unlink(int, string) error                 { return syscall.EROFS }
func (f *fake) Stat(_ int, path string, follow bool) (Stat, error) {
	if follow {
		return Stat{}, syscall.ENOENT
	}
	return Stat{Size: uint64(len(path))}, nil
}
func (f *fake) Readlink(_ int, path string) (string, error) { return path + "}", nil }

// gdb is the other side.
type gdb struct {
	t    *testing.T
	conn net.Conn
	wire *wire
	done chan error
}

func start(t *testing.T, f *fake) *gdb {
	a, b := net.Pipe()
	g := &gdb{t: t, conn: a, wire: newWire(a), done: make(chan error, 1)}
	g.wire.noAck.Store(true)
	_ = a.SetDeadline(time.Now().Add(time.Minute))
	go func() { g.done <- Serve(b, f) }()
	if got := g.say("QStartNoAckMode"); got != ok {
		t.Fatalf("QStartNoAckMode: %q", got)
	}
	_, _ = io.WriteString(a, "+") // for the answer; no more from now on
	return g
}

func (g *gdb) say(packet string) string {
	g.t.Helper()
	go func() { _ = g.wire.write(packet) }()
	reply, err := g.wire.read()
	if err != nil {
		g.t.Fatalf("%s: %v", packet, err)
	}
	return reply
}

func (g *gdb) want(packet, want string) {
	g.t.Helper()
	if got := g.say(packet); got != want {
		g.t.Errorf("%s: got %q, want %q", packet, got, want)
	}
}

func TestState(t *testing.T) {
	f := newFake()
	g := start(t, f)
	g.want("?", "T05thread:a;01:0001020304050607;")
	g.want("Hg11", failure)
	g.want("Hgb", ok)
	g.want("g", "000000000000000001010203040506070500000007000000")
	g.want("p3", "07000000")
	g.want("P3=02000000", ok)
	g.want("p2", "05000000")
	g.want("p3", "02000000")
	if f.set[1][8] != 0x45 {
		t.Errorf("the register of which there are parts is %#x", f.set[1][8])
	}
	g.want("p4", badRequest)
	g.want("m1000,4", "7d23242a")
	g.want("x1000,5", "b}]}\x03}\x04}\n ")
	g.want("m0,1", noMemory)
	g.want("m4ff8,10", strings.Repeat("00", 8)) // the rest is not there
	g.want("X1010,2:}]x", ok)
	g.want("M1012,2:4142", ok)
	g.want("m1010,4", "7d784142")
	g.want("M1012,3:4142", badRequest)
	g.want("mzz", badRequest)
	g.want("Z0,100,2", ok)
	g.want("Z2,104,8", ok)
	g.want("Z4,108,1;X1,0", ok)
	g.want("Z7,0,1", unsupported)
	want := map[Point]bool{{Addr: 0x100}: true, {Addr: 0x104, Len: 8, Write: true}: true, {Addr: 0x108, Len: 1, Read: true, Write: true}: true}
	if fmt.Sprint(f.points) != fmt.Sprint(want) {
		t.Errorf("points %v", f.points)
	}
	g.want("z0,100,2", ok)
	if len(f.points) != 2 {
		t.Errorf("points %v", f.points)
	}
	g.want("nonsense", unsupported)
	g.want("D", ok)
	if err := <-g.done; err != nil || f.gone != "detached" {
		t.Errorf("%v, %s", err, f.gone)
	}
}

func TestQueries(t *testing.T) {
	f := newFake()
	g := start(t, f)
	if got := g.say("qSupported:multiprocess+;fork-events+;xmlRegisters=i386"); !strings.Contains(got, "multiprocess+;fork-events+") || strings.Contains(got, ";vfork") {
		t.Errorf("qSupported: %s", got)
	}
	if !f.wants.Fork || f.wants.Exec {
		t.Errorf("%+v", f.wants)
	}
	g.want("qC", "QCpa.a")
	g.want("qfThreadInfo", "mpa.a,pa.b")
	g.want("qThreadExtraInfo,pa.b", hex.EncodeToString([]byte("<thread 11>")))
	g.want("Tpa.b", ok)
	g.want("Tpa.c", failure)
	g.want("qAttached:a", "0")
	g.want("qXfer:threads:read::0,1000", `l<?xml version="1.0"?><threads><thread id="pa.a" name="&lt;thread 10&gt;"></thread>`+
		`<thread id="pa.b" name="&lt;thread 11&gt;"></thread></threads>`)
	g.want("qXfer:exec-file:read::0,3", "m/pr")
	g.want("qXfer:exec-file:read::3,3", "log")
	g.want("qXfer:nothing:read::0,3", unsupported)
	g.want("qXfer:siginfo:write::0:\t", "1")
	g.want("qXfer:siginfo:write::80:x", badRequest)
	g.want("QPassSignals:e;1e;4e", ok)
	if want := uint64(1<<(14-1) | 1<<(10-1) | 1<<(64-1)); f.wants.Pass != want {
		t.Errorf("signals %#x", f.wants.Pass)
	}
	g.want("QCatchSyscalls:1;40;5d", ok)
	if !f.wants.Syscalls || !f.wants.Calls[0x40] || f.wants.Calls[1] {
		t.Errorf("%+v", f.wants)
	}
	g.want("vFile:open:"+hex.EncodeToString([]byte("/x"))+",0,0", "F-1,2")
	g.want("vFile:readlink:"+hex.EncodeToString([]byte("/x")), "F3;/x}]")
	g.want("vFile:unlink:"+hex.EncodeToString([]byte("/x")), "F-1,1e")
	g.want("vFile:stat:"+hex.EncodeToString([]byte("/x")), "F-1,2")
	if got, want := g.say("vFile:lstat:"+hex.EncodeToString([]byte("/x"))), "F40;"; !strings.HasPrefix(got, want) {
		t.Errorf("lstat: %q", got)
	}
	g.want("vFile:pread:3,10,0", "F-1,9")
	g.want("qRcmd,"+hex.EncodeToString([]byte("help")), hex.EncodeToString([]byte("Commands: exit, help, maps, status.\n")))
	g.want("vKill;a", ok)
	if err := <-g.done; err != nil || f.gone != "killed" {
		t.Errorf("%v, %s", err, f.gone)
	}
}

func TestResume(t *testing.T) {
	f := newFake()
	g := start(t, f)
	g.say("qSupported:multiprocess+")
	tell := func(packet string, e Event, want string, actions map[ID]Action) {
		t.Helper()
		f.queue = []Event{e}
		g.want(packet, want)
		if fmt.Sprint(f.actions) != fmt.Sprint(actions) {
			t.Errorf("%s: actions %v, want %v", packet, f.actions, actions)
		}
	}
	one, two := ID{10, 10}, ID{10, 11}
	both := func(a Action) map[ID]Action { return map[ID]Action{one: a, two: a} }
	end := "thread:pa.b;01:0101020304050607;"
	tell("vCont;c", Event{ID: two, Kind: Breakpoint, Signal: 5}, "T05swbreak:;"+end, both(Action{}))
	tell("vCont;r10,20:pa.b;c", Event{ID: two, Signal: 5}, "T05"+end, map[ID]Action{one: {}, two: {Step: true, From: 0x10, To: 0x20}})
	tell("vCont;S1e:pa.b", Event{ID: two, Signal: 11}, "T0b"+end, map[ID]Action{two: {Step: true, Signal: 10}})
	tell("vCont;t:pa.a;c:pa.-1", Event{ID: two, Signal: 33}, "T2d"+end, map[ID]Action{two: {}})
	tell("c", Event{ID: two, Kind: Watchpoint, Signal: 5, Addr: 0x104, Point: Point{Write: true}}, "T05watch:104;"+end, both(Action{}))
	tell("c", Event{ID: two, Kind: Forked, Signal: 5, Child: ID{20, 20}}, "T05fork:p14.14;"+end, both(Action{}))
	tell("c", Event{ID: two, Kind: Execed, Signal: 5, Path: "/p"}, "T05exec:2f70;"+end, both(Action{}))
	tell("c", Event{ID: two, Kind: SyscallEntry, Signal: 5, Code: 64}, "T05syscall_entry:40;"+end, both(Action{}))
	tell("c", Event{Kind: NoneRuns}, "N", both(Action{}))
	g.want("vCont;c:pf.1", "N")
	g.want("vCont;zz", badRequest)
	f.idle = func() { go func() { _, _ = io.WriteString(g.conn, interrupt) }() }
	g.want("vCont;c", "T02"+end)
	tell("vCont;c", Event{ID: one, Kind: Exited, Code: 7}, "W07;process:a", both(Action{}))
	if err := <-g.done; err != nil {
		t.Error(err)
	}
}

// TestExtended: GDB stays without a process, and attaches itself again.
func TestExtended(t *testing.T) {
	f := newFake()
	g := start(t, f)
	g.want("!", ok)
	g.want("D", ok)
	g.want("?", "W00")
	g.want("qfThreadInfo", "l")
	g.want("vCont;c", "N")
	g.want("vAttach;a", "T00thread:a;01:0001020304050607;")
	g.want("vAttach;a", failure)
	g.want("k", ok)
	x := func(words ...string) string {
		for i := range words {
			words[i] = hex.EncodeToString([]byte(words[i]))
		}
		return strings.Join(words, ";")
	}
	g.want("vRun;", "T05thread:a;01:0001020304050607;")
	if f.launched.Program != "/prog" {
		t.Errorf("started %q, not what was debugged before", f.launched.Program)
	}
	g.want("k", ok)
	g.want("QEnvironmentHexEncoded:"+x("A=1"), ok)
	g.want("QEnvironmentReset", ok)
	g.want("QEnvironmentHexEncoded:"+x("B=2"), ok)
	g.want("QEnvironmentUnset:"+x("C"), ok)
	g.want("QEnvironmentUnset:", badRequest)
	g.want("QSetWorkingDir:"+x("/dir"), ok)
	g.want("vRun;"+x("/prog", "a b", ""), "T05thread:a;01:0001020304050607;")
	want := Launch{"/prog", []string{"a b", ""}, []string{"B=2"}, []string{"C"}, "/dir"}
	if diff := cmp.Diff(want, f.launched); diff != "" {
		t.Errorf("started (-want +got):\n%s", diff)
	}
	g.want("k", ok)
	g.want("QEnvironmentReset", ok)
	g.want("vRun;;"+x("c"), "T05thread:a;01:0001020304050607;")
	want = Launch{"/prog", []string{"c"}, nil, nil, "/dir"}
	if diff := cmp.Diff(want, f.launched); diff != "" {
		t.Errorf("started again (-want +got):\n%s", diff)
	}
	g.want("k", ok)
	g.want("vRun;"+x("/nowhere"), failure)
	g.want("vRun;x", badRequest)
	_ = g.conn.Close()
	if err := <-g.done; err != nil {
		t.Error(err)
	}
}

// TestThreadLocal has glibc's descriptors at 0x1100, in the order in which they are looked up.
func TestThreadLocal(t *testing.T) {
	f := newFake()
	words := func(addr uint64, list ...uint64) {
		for i, w := range list {
			binary.LittleEndian.PutUint64(f.part(addr+8*uint64(i)), w)
		}
	}
	words(0x1100,
		64|(1<<32-32)<<32, 0, // the register at 0, less 32: struct pthread
		64, 16, // the vector's address is at 16 of it
		128, 0, // entries of 16 bytes
		64, 0, // the block's address is their first word
		64, 8) // the index is at 8 of struct link_map
	words(0x2000+16, 0x3000) // thread 11
	words(0x3000+3*16, 0x3333, 0, ^uint64(0))
	words(0x1200, 0, 3)
	words(0x1210, 0, 4)
	words(0x1220, 0, 0)
	f.set[1] = binary.LittleEndian.AppendUint64(nil, 0x2000+32)
	g := start(t, f)
	g.want("qGetTLSAddr:b,5,0", "2025") // the executable
	g.want("qGetTLSAddr:b,5,1200", failure)
	packet := "qSymbol::"
	for i, name := range tlsSymbols {
		g.want(packet, "qSymbol:"+hex.EncodeToString([]byte(name)))
		packet = fmt.Sprintf("qSymbol:%x:%x", 0x1100+16*i, name)
	}
	g.want(packet, ok)
	g.want("qGetTLSAddr:b,5,1200", "3338")
	g.want("qGetTLSAddr:b,5,1210", failure) // not allocated
	g.want("qGetTLSAddr:b,5,1220", failure) // it has none
	g.want("qGetTLSAddr:c,5,1200", badRequest)
	g.want(fmt.Sprintf("qSymbol::%x", tlsSymbols[0]), ok) // not there
}

// TestNoProgram: nothing is started where there has been nothing.
func TestNoProgram(t *testing.T) {
	f := newFake()
	f.gone = "never there"
	g := start(t, f)
	g.want("!", ok)
	g.want("?", noProcess)
	g.want("vRun;", failure)
	_ = g.conn.Close()
	<-g.done
}

// TestExit: the server is told to end, and what it has started with it.
func TestExit(t *testing.T) {
	f := newFake()
	g := start(t, f)
	g.want("!", ok)
	g.want("qRcmd,"+hex.EncodeToString([]byte("exit")), ok)
	if err := <-g.done; err != ErrExit || f.gone != "killed" {
		t.Errorf("%v, %s", err, f.gone)
	}
}

// TestAcknowledgements: what has been damaged is sent again.
func TestAcknowledgements(t *testing.T) {
	a, b := net.Pipe()
	f := newFake()
	done := make(chan error, 1)
	go func() { done <- Serve(b, f) }()
	_ = a.SetDeadline(time.Now().Add(time.Minute))
	exchange := func(send, want string) {
		t.Helper()
		if _, err := io.WriteString(a, send); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(want))
		if _, err := io.ReadFull(a, got); err != nil || string(got) != want {
			t.Errorf("%q: got %q, want %q; %v", send, got, want, err)
		}
	}
	exchange("$qC#b3", "-")
	exchange("$qC#b4", "+")
	exchange("", "$QCa#f5")
	exchange("-", "$QCa#f5")
	exchange("+$q$qC#b4", "+")
	exchange("", "$QCa#f5")
	_ = a.Close()
	if err := <-done; err != nil || f.gone != "killed" {
		t.Errorf("without a connection: %v, %s", err, f.gone)
	}
}

func TestSignals(t *testing.T) {
	for sig := 1; sig <= 64; sig++ {
		if n := toGDB(sig); n != unknownSignal && fromGDB(n) != sig {
			t.Errorf("signal %d is %d for GDB, which is %d", sig, n, fromGDB(n))
		}
	}
	for linux, gdb := range map[int]int{0: 0, 5: 5, 7: 10, 10: 30, 17: 20, 31: 12, 32: 77, 34: 46, 63: 75, 64: 78} {
		if got := toGDB(linux); got != gdb {
			t.Errorf("signal %d is %d for GDB, want %d", linux, got, gdb)
		}
	}
}

func FuzzPackets(f *testing.F) {
	for _, seed := range []string{"g", "vCont;r1,2:p1.-1", "qXfer:features:read:target.xml:0,ffb", "X1010,2:}", "vFile:open:2f,0,0", "Z0,0,0", "Hg", "P1=x", "qSymbol:1000:5f", "qGetTLSAddr:b,0,1000", "vRun;2f;;61", "vFile:lstat:2f"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, p string) {
		target := newFake()
		s := &server{t: target, files: map[int]openFile{}, general: ID{10, 10}}
		for _, feature := range target.Features() {
			s.registers = append(s.registers, feature.Registers...)
		}
		s.packet(p)
	})
}
