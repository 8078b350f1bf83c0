//go:build linux && amd64

package hostile

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/hospes-vm/hospes/internal/peer"
	"github.com/hospes-vm/hospes/internal/testcmd"
)

// TestWild has a guest use, in every way there is, the addresses at which the hospes that runs
// it has memory: see testdata/wild.c.
func TestWild(t *testing.T) {
	guest := compile(t, "riscv64-linux-gnu-gcc", "wild")
	for _, mapping := range mappings {
		for _, options := range [][]string{{"--threshold=0"}, {"--translate=off"}, {"--isolate"}} {
			t.Run(mapping+" "+options[0], func(t *testing.T) {
				wild(t, append([]string{mapping}, append(options, guest)...))
			})
		}
	}
}

func wild(t *testing.T, argv []string) {
	cmd := testcmd.Command(t, hospes, argv...)
	cmd.Dir = t.TempDir()
	var errs bytes.Buffer
	cmd.Stderr = &errs
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(out)
	if line, _ := r.ReadString('\n'); line != "ready\n" {
		t.Errorf("the guest says %q", line)
	}
	addrs := wildAddresses(t, cmd.Process.Pid)
	for _, a := range addrs {
		fmt.Fprintf(in, "%x\n", a)
	}
	fmt.Fprintln(in, ".")
	text, _ := io.ReadAll(r)
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%.4000s%.4000s", err, text, &errs)
	}
	if want := fmt.Sprintf("%d addresses, 0 failures\n", len(addrs)); !strings.HasSuffix(string(text), want) {
		t.Errorf("the guest does not end with %q:\n%.4000s", want, text)
	}
}

// wildAddresses are guest addresses that would lead to memory of hospes, all of it, if they were
// used as they are, or added to the base of guest memory; and some at the ends of what there is.
func wildAddresses(t *testing.T, pid int) []uint64 {
	const limit = 1 << 38
	p, err := peer.Open(pid)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	addrs := []uint64{
		limit + 4096, limit + 8192, limit + 1<<16, limit + 1<<17, 1 << 39, 1 << 47, 1<<47 - 4096, 1 << 48, 1 << 55, 1 << 62, 1 << 63,
		^uint64(4095), ^uint64(1<<17 - 1), ^uint64(1<<38 - 1), 64, 4096,
	}
	for line := range strings.Lines(string(b)) {
		var start, end uint64
		var perm string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &start, &end, &perm); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if end > p.D.Base && start < p.D.Base+max(p.D.Limit, p.D.Size) || perm[0] != 'r' {
			continue // guest memory, or reserved by Go
		}
		middle := (start + (end-start)/2) &^ 4095
		for _, a := range []uint64{start, middle} {
			if addrs = append(addrs, a-p.D.Base); a >= limit {
				addrs = append(addrs, a)
			}
		}
	}
	return addrs
}
