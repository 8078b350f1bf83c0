package difftest

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hospes-vm/hospes/internal/guest/riscv/encoding"
	"github.com/hospes-vm/hospes/internal/testcmd"
)

var (
	casesFlag = flag.Int("cases", 0, "random cases per instruction (0: 40 with -short, else 200)")
	seedFlag  = flag.Uint64("seed", 1, "seed of the random cases")
	mapping   = flag.String("mapping", "offset", "memory mapping of hospes; the tests of offset run those of the others, too")
)

// reference and subject are set by TestMain; reference is nil when there is no qemu.
var (
	reference *Emulator
	subject   *Emulator
	whyNoQEMU string
)

// TestMain finds qemu and builds hospes. HOSPES_QEMU and HOSPES name other commands to
// compare, with their arguments.
func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "difftest")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		reference, whyNoQEMU = findQEMU()
		if reference != nil {
			if subject, err = buildHospes(dir); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
		}
		return m.Run()
	}())
}

func findQEMU() (*Emulator, string) {
	if c := strings.Fields(os.Getenv("HOSPES_QEMU")); len(c) > 0 {
		return &Emulator{"qemu", c}, ""
	}
	out, err := exec.Command("../../scripts/fetch-qemu.sh").Output()
	if err != nil {
		return nil, fmt.Sprintf("scripts/fetch-qemu.sh: %v", err)
	}
	return &Emulator{"qemu", append([]string{strings.TrimSpace(string(out))}, QEMUOptions...)}, ""
}

func buildHospes(dir string) (*Emulator, error) {
	if c := strings.Fields(os.Getenv("HOSPES")); len(c) > 0 {
		return &Emulator{"hospes", c}, nil
	}
	path := filepath.Join(dir, "hospes")
	if err := testcmd.Build(path); err != nil {
		return nil, err
	}
	if err := testcmd.Hermetic(dir); err != nil {
		return nil, err
	}
	return &Emulator{"hospes", []string{path, "--mapping", *mapping}}, nil
}

// TestMappings runs the tests again with the other memory mappings, and fewer cases.
func TestMappings(t *testing.T) {
	needEmulators(t)
	if *mapping != "offset" {
		return
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"table", "direct"} {
		t.Run(name, func(t *testing.T) {
			if out, err := exec.Command(exe, "-test.short", "-mapping="+name).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func needEmulators(t *testing.T) {
	if reference == nil {
		t.Skip("no qemu to compare with: ", whyNoQEMU)
	}
}

func casesPerInstruction() int {
	switch {
	case *casesFlag > 0:
		return *casesFlag
	case testing.Short():
		return 40
	}
	return 200
}

// check runs cases and reports differences, a few per name.
func check(t *testing.T, cases []Case) {
	t.Helper()
	failed := map[string]int{}
	for _, d := range compare(t, cases) {
		if failed[d.Case.Name]++; failed[d.Case.Name] <= 3 {
			t.Errorf("%s", &d)
		}
	}
	for name, n := range failed {
		t.Errorf("%s: %d cases differ", name, n)
	}
}

// compare returns the cases that differ for no known reason.
func compare(t *testing.T, cases []Case) []Mismatch {
	t.Helper()
	needEmulators(t)
	var diff []Mismatch
	for _, p := range Assemble(cases) {
		d, err := Compare(p, reference, subject, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		for i := range d {
			if known(&d[i]) == "" {
				diff = append(diff, d[i])
			}
		}
	}
	return diff
}

func table(t *testing.T) []*Instruction {
	t.Helper()
	all, err := Instructions()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestInstructions compares each instruction of the table with random operands.
func TestInstructions(t *testing.T) {
	all := table(t)
	tested, total := 0, 0
	byExt := map[string][]*Instruction{}
	var order []string
	for _, in := range all {
		if byExt[in.Ext] == nil {
			order = append(order, in.Ext)
		}
		byExt[in.Ext] = append(byExt[in.Ext], in)
	}
	for _, ext := range order {
		ok := t.Run(ext, func(t *testing.T) {
			var cases []Case
			for _, in := range byExt[ext] {
				n := casesPerInstruction()
				if in.Kind&encoding.FP != 0 && in.Kind&(encoding.Load|encoding.Store) == 0 {
					n *= 5
				}
				for i := range n {
					cases = append(cases, in.Single(*seedFlag<<32+uint64(i)))
				}
			}
			total += len(cases)
			check(t, cases)
		})
		if ok {
			tested += len(byExt[ext])
		}
	}
	t.Logf("difftest: %d of the %d instructions in the table tested and equal, %d cases", tested, len(all), total)
}

// TestSequences compares random sequences; of one that differs it reports the shortest
// prefix that does.
func TestSequences(t *testing.T) {
	q := NewSequences(table(t), 24)
	var cases []Case
	for i := range 50 * casesPerInstruction() {
		cases = append(cases, q.Case(*seedFlag<<32+uint64(i), q.Length))
	}
	diff := compare(t, cases)
	for i, d := range diff {
		var seed uint64
		if _, err := fmt.Sscanf(d.Case.Name, "sequence %v", &seed); err != nil {
			t.Fatal(err)
		}
		short, err := q.Shortest(seed, d.Case.Site, reference, subject, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if short != nil {
			d = *short
		}
		if t.Errorf("%s", &d); i == 4 {
			break
		}
	}
	t.Logf("difftest: %d of %d random sequences equal", len(cases)-len(diff), len(cases))
}

func TestIllegalCompressed(t *testing.T) { check(t, IllegalCompressed(table(t))) }
func TestIllegalWords(t *testing.T) {
	check(t, IllegalWords(table(t), 100*casesPerInstruction(), *seedFlag))
}
func TestReservedRoundingMode(t *testing.T) { check(t, ReservedRounding(table(t), *seedFlag)) }
func TestCSRs(t *testing.T)                 { check(t, CSRs(table(t))) }
func TestFaults(t *testing.T)               { check(t, Faults(table(t), *seedFlag)) }

// TestCasesHaveEffect says that the generators do their work: whatever QEMU runs as a
// single instruction changes something, hints excepted, and only what must trap does.
func TestCasesHaveEffect(t *testing.T) {
	needEmulators(t)
	hints := map[string]bool{}
	for _, name := range strings.Fields(`fence fence.tso fence.i wrs.nto wrs.sto c.mop.n pause
		prefetch.i prefetch.r prefetch.w ntl.p1 ntl.pall ntl.s1 ntl.all`) {
		hints[name] = true
	}
	const each = 30
	var cases []Case
	for _, in := range table(t) {
		for i := range each {
			cases = append(cases, in.Single(uint64(i)))
		}
	}
	unchanged := map[string]int{}
	for _, p := range Assemble(cases) {
		path := filepath.Join(t.TempDir(), "program")
		if err := os.WriteFile(path, p.ELF, 0o755); err != nil {
			t.Fatal(err)
		}
		out, err := p.outcome(reference, path)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range p.Cases {
			if out[i] == c.In {
				unchanged[c.Name]++
			}
			if out[i].Signal == 4 && !strings.HasPrefix(c.Name, "cbo.") {
				t.Errorf("illegal under qemu: %s", c.Text)
			}
		}
	}
	for name, n := range unchanged {
		if n == each && !hints[name] {
			t.Errorf("%s never changes anything", name)
		}
	}
}
