//go:build linux && amd64

package linux

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/hospes-vm/hospes/internal/guest"
)

//go:generate env HOSPES_UPDATE=1 go test -run TestSyscallsDoc .

const docHead = `# System calls

What a guest can ask for, by the generic system call table of 64-bit Linux. This
page is made from the table in internal/linux/table.go, by
` + "`go generate ./internal/linux`" + `.

- **full**: as Linux has it;
- **partial**: the note says what is missing;
- **none**: fails as on a kernel without it; the note says why.

| number | call | arguments | support | note |
|---:|---|---|---|---|
`

// writeDoc writes the table of system calls, those of arch included, as Markdown.
func writeDoc(w io.Writer, arch guest.Arch) {
	rows := slices.Clone(Rows)
	for _, s := range arch.Syscalls() {
		rows = append(rows, Row{Nr: int(s.Nr), Name: s.Name, Args: s.Args, Note: arch.Name() + " only"})
	}
	slices.SortFunc(rows, func(a, b Row) int { return a.Nr - b.Nr })
	_, _ = io.WriteString(w, docHead)
	var count [None + 1]int
	for _, r := range rows {
		count[r.Support]++
		fmt.Fprintf(w, "| %d | %s | %s | %v | %s |\n", r.Nr, r.Name, docArgs(r.Args), r.Support, r.Note)
	}
	fmt.Fprintf(w, "\n%d calls: %d full, %d partial, %d none.\n", len(rows), count[Full], count[Partial], count[None])
}

// docArgs lists the names of arguments.
func docArgs(spec string) string {
	fields := strings.Fields(spec)
	for i, f := range fields {
		fields[i], _, _ = strings.Cut(f, ":")
	}
	return strings.Join(fields, ", ")
}
