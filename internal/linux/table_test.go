//go:build linux && amd64

package linux

import (
	"bytes"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hospes-vm/hospes/internal/guest/riscv"
	"github.com/hospes-vm/hospes/internal/linux/abi"
)

func TestRows(t *testing.T) {
	last := -1
	names := map[string]bool{}
	for i := range Rows {
		r := &Rows[i]
		if r.Nr <= last {
			t.Errorf("%v: after %d", r, last)
		}
		last = r.Nr
		if names[r.Name] {
			t.Errorf("%v: named twice", r)
		}
		names[r.Name] = true
		if r.Do == nil {
			t.Errorf("%v: no handler", r)
		}
		if n := len(abi.Parse(r.Args)); n > 6 {
			t.Errorf("%v: %d arguments", r, n)
		}
		if (r.Support == Full) != (r.Note == "") {
			t.Errorf("%v: support %v with note %q", r, r.Support, r.Note)
		}
	}
}

// TestArchRows looks at the rows that an architecture adds.
func TestArchRows(t *testing.T) {
	tb := newTable(riscv.Arch)
	for _, s := range riscv.Arch.Syscalls() {
		if s.Nr < 244 || s.Nr > 259 {
			t.Errorf("%s: number %d is not one of those for architectures", s.Name, s.Nr)
		}
		if r := tb.row(s.Nr); r.Name != s.Name || r.Do == nil {
			t.Errorf("%s (%d): the table has %v", s.Name, s.Nr, r)
		}
		abi.Parse(s.Args)
	}
	if r := tb.row(1 << 40); r != &unknownCall {
		t.Errorf("row of a wild number: %v", r)
	}
}

// TestSyscallsDoc keeps docs/syscalls.md as go generate would write it.
func TestSyscallsDoc(t *testing.T) {
	const name = "../../docs/syscalls.md"
	want := new(bytes.Buffer)
	writeDoc(want, riscv.Arch)
	if os.Getenv("HOSPES_UPDATE") != "" {
		if err := os.WriteFile(name, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.String(), string(got)); diff != "" {
		t.Errorf("%s is not fresh; run go generate ./internal/linux (-want +got):\n%s", name, diff)
	}
}
