//go:build linux && amd64

package sandbox

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/hospes-vm/hospes/internal/guest/riscv"
	"github.com/hospes-vm/hospes/internal/linux"
)

//go:generate env HOSPES_UPDATE=1 go test -run TestSyscallsDoc .

const docHead = `# System calls in a sandbox

What an embedded guest can ask for. This page is made from the tables in internal/sandbox, by
` + "`go generate ./internal/sandbox`" + `; [syscalls.md](syscalls.md) is that of guests that are processes of the host.

- **full**: as Linux has it;
- **partial**: the note says what is missing;
- **none**: fails as on a kernel without it; the note says why. Without a note it fails with ENOSYS.

| number | call | support | note |
|---:|---|---|---|
`

// allRows are those of both tables, and of calls of package linux that a sandbox does not have.
func allRows() []Row {
	rows := slices.Concat(Rows, FileRows)
	for _, r := range linux.Rows {
		if !slices.ContainsFunc(rows, func(o Row) bool { return o.Nr == r.Nr }) {
			rows = append(rows, Row{Nr: r.Nr, Name: r.Name, Support: None})
		}
	}
	for _, s := range riscv.Arch.Syscalls() {
		rows = append(rows, Row{Nr: int(s.Nr), Name: s.Name, Note: riscv.Arch.Name() + " only"})
	}
	slices.SortFunc(rows, func(a, b Row) int { return a.Nr - b.Nr })
	return rows
}

// TestSyscallsDoc keeps docs/sandbox-syscalls.md as the tables are.
func TestSyscallsDoc(t *testing.T) {
	const path = "../../docs/sandbox-syscalls.md"
	b := bytes.NewBufferString(docHead)
	var count [None + 1]int
	for _, r := range allRows() {
		count[r.Support]++
		fmt.Fprintf(b, "| %d | %s | %v | %s |\n", r.Nr, r.Name, r.Support, r.Note)
	}
	fmt.Fprintf(b, "\n%d full, %d partial, %d none.\n", count[Full], count[Partial], count[None])
	if os.Getenv("HOSPES_UPDATE") != "" {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, b.Bytes()) {
		t.Errorf("%s is not what the tables say: go generate ./internal/sandbox", path)
	}
}

// TestTable: numbers and names are those of the generic table, each is there once, in order, and what is not there in
// full says why.
func TestTable(t *testing.T) {
	names := map[int]string{}
	for _, r := range linux.Rows {
		names[r.Nr] = r.Name
	}
	for _, rows := range [][]Row{Rows, FileRows} {
		last := -1
		for _, r := range rows {
			if names[r.Nr] != r.Name || r.Do == nil || r.Nr <= last || (r.Support != Full) != (r.Note != "") {
				t.Errorf("%+v, which is %q, after %d", r, names[r.Nr], last)
			}
			last = r.Nr
		}
	}
	rows := slices.Concat(Rows, FileRows)
	for i, r := range rows {
		if slices.ContainsFunc(rows[:i], func(o Row) bool { return o.Nr == r.Nr }) {
			t.Errorf("%s is there twice", r.Name)
		}
	}
}
