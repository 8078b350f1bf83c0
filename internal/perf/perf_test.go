//go:build linux

package perf

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"testing"
)

var pieces = []struct {
	addr uintptr
	code []byte
	name string
}{
	{0x7f0000001000, []byte{0x90, 0xc3}, "main+0x4 (0x10484)"},
	{0x7f0000001010, bytes.Repeat([]byte{0xcc}, 100), "0x20000"},
}

func write(t *testing.T, make func() (Writer, error)) {
	t.Helper()
	w, err := make()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pieces {
		w.Add(p.addr, p.code, p.name)
	}
	w.Close()
}

// read returns a file that was made, and deletes it.
func read(t *testing.T, format string) []byte {
	t.Helper()
	path := fmt.Sprintf(format, os.Getpid())
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Error(err)
	}
	return b
}

func TestMap(t *testing.T) {
	// What lies there is replaced, not followed.
	victim, path := t.TempDir()+"/victim", fmt.Sprintf("/tmp/perf-%d.map", os.Getpid())
	if err := os.WriteFile(victim, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, path); err != nil {
		t.Fatal(err)
	}
	write(t, NewMap)
	if got, err := os.ReadFile(victim); string(got) != "mine" {
		t.Errorf("the file behind a link: %q, %v", got, err)
	}
	const want = "7f0000001000 2 main+0x4 (0x10484)\n7f0000001010 64 0x20000\n"
	if got := string(read(t, "/tmp/perf-%d.map")); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestDump reads the file by the offsets of jitdump-specification.txt.
func TestDump(t *testing.T) {
	write(t, NewDump)
	b := read(t, "/tmp/jit-%d.dump")
	u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }
	u64 := func(at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }
	for at, want := range map[int]uint32{0: 0x4A695444, 4: 1, 8: 40, 12: 62, 16: 0, 20: uint32(os.Getpid())} {
		if u32(at) != want {
			t.Errorf("header at %d: %#x, want %#x", at, u32(at), want)
		}
	}
	if u64(32) != 0 {
		t.Errorf("flags %#x", u64(32))
	}
	last := u64(24)
	at := int(u32(8))
	for n, p := range pieces {
		if id, size := u32(at), int(u32(at+4)); id != 0 || size != 56+len(p.name)+1+len(p.code) {
			t.Fatalf("record %d: id %d, size %d", n, id, size)
		}
		if u64(at+8) < last {
			t.Errorf("record %d: older than what is before it", n)
		}
		last = u64(at + 8)
		if u32(at+16) != uint32(os.Getpid()) || u32(at+20) == 0 {
			t.Errorf("record %d: pid %d, tid %d", n, u32(at+16), u32(at+20))
		}
		for k, want := range []uint64{uint64(p.addr), uint64(p.addr), uint64(len(p.code)), uint64(n)} {
			if got := u64(at + 24 + 8*k); got != want {
				t.Errorf("record %d: word %d is %#x, want %#x", n, k, got, want)
			}
		}
		name, code, _ := strings.Cut(string(b[at+56:at+int(u32(at+4))]), "\x00")
		if name != p.name || code != string(p.code) {
			t.Errorf("record %d: %q with % x", n, name, code)
		}
		at += int(u32(at + 4))
	}
	if at != len(b) {
		t.Errorf("%d bytes, of which %d are records", len(b), at)
	}
}
