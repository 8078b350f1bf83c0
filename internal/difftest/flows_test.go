package difftest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var flowTime = flag.Duration("flows", 0, "how long to make random programs of blocks, from -seed on (0: a few hundred programs)")

const (
	flowsPerRun  = 400 // programs that one process runs
	flowsAreFew  = 5   // differences after which a test ends
	flowsWritten = "testdata/flows"
)

// TestFlows compares random programs of blocks in all configurations. What differs is made
// smaller, reported, and written in the text form, to be kept as a test.
func TestFlows(t *testing.T) {
	needEmulators(t)
	if *mapping != "offset" {
		t.Skip("the configurations have all mappings")
	}
	h := &flowTest{t: t, q: NewFlows(table(t)), dir: t.TempDir(), subjects: configured(subject)}
	end := time.Now().Add(*flowTime)
	seed := *seedFlag << 32
	for first := true; first || time.Now().Before(end) && h.failed < flowsAreFew; first = false {
		h.run(seed)
		seed += flowsPerRun
	}
	t.Logf("difftest: %d random programs of %d blocks in %d configurations, %d differ; blocks executed more than %d times",
		h.programs, h.blocks, len(h.subjects), h.failed, h.executed)
}

// flowTest compares flows.
type flowTest struct {
	t        *testing.T
	q        *Flows
	dir      string
	subjects []*Emulator

	programs, blocks, failed int
	executed                 uint64 // fuel used, over all configurations
}

// run compares the flows of flowsPerRun seeds.
func (h *flowTest) run(seed uint64) {
	var flows []*flow
	var cases []Case
	for i := range uint64(flowsPerRun) {
		cases = append(cases, h.q.Case(seed+i, &flows))
	}
	for _, p := range Assemble(cases) {
		want := h.outcome(p, reference)
		for i := range want {
			h.executed += uint64(len(h.subjects)) * (p.Cases[i].In.X[seqCount] - min(want[i].X[seqCount], p.Cases[i].In.X[seqCount]))
			h.blocks += len(flows[i].Blocks)
		}
		h.programs += len(want)
		for _, e := range h.subjects {
			h.compare(p, flows, want, e)
		}
		flows = flows[len(want):]
	}
}

// compare runs a program of flows in one configuration.
func (h *flowTest) compare(p *Program, flows []*flow, want []Record, e *Emulator) {
	got := h.outcome(p, e)
	for i := range want {
		if want[i] == got[i] {
			continue
		}
		if h.failed++; h.failed <= flowsAreFew {
			h.report(flows[i], e, Diff(&want[i], &got[i], "want", "got"))
		}
	}
}

func (h *flowTest) outcome(p *Program, e *Emulator) []Record {
	h.t.Helper()
	path := filepath.Join(h.dir, "program")
	if err := os.WriteFile(path, p.ELF, 0o755); err != nil {
		h.t.Fatal(err)
	}
	out, err := p.outcome(e, path)
	if err != nil {
		h.t.Fatalf("%v\n%s", err, p.Cases[0].Text)
	}
	return out
}

// report makes a flow that differs smaller, and writes it.
func (h *flowTest) report(f *flow, e *Emulator, diff string) {
	h.t.Helper()
	small, err := f.shrink(func(list []*flow) ([]bool, error) { return h.differ(list, e) })
	if err != nil {
		h.t.Errorf("making %s smaller: %v", f.Name, err)
	}
	text := small.write()
	name := filepath.Join(os.TempDir(), strings.ReplaceAll(fmt.Sprintf("%s %s.txt", f.Name, e.Name), " ", "-"))
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		h.t.Error(err)
	}
	h.t.Errorf("%s: %s; the smallest is in %s, to be kept in %s:\n%s\nthe first differed so:\n%s",
		e.Name, f.Name, name, flowsWritten, text, diff)
}

// differ tells which flows have another outcome in a configuration.
func (h *flowTest) differ(list []*flow, e *Emulator) ([]bool, error) {
	result := make([]bool, 0, len(list))
	for len(list) > 0 {
		var cases []Case
		for _, f := range list {
			cases = append(cases, f.Case())
		}
		p, n := assemble(cases, list[0].Site.Base, list[0].Site.Link)
		diff, err := Compare(p, reference, e, h.dir)
		if err != nil {
			return nil, err
		}
		first := len(result)
		result = append(result, make([]bool, n)...)
		for _, d := range diff {
			for i := range p.Cases {
				if p.Cases[i].Site == d.Case.Site {
					result[first+i] = true
				}
			}
		}
		list = list[n:]
	}
	return result, nil
}

// TestKeptFlows runs the programs in testdata/flows, which have failed once.
func TestKeptFlows(t *testing.T) {
	needEmulators(t)
	files, err := filepath.Glob(flowsWritten + "/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s, err := parseFlow(string(text))
			if err != nil {
				t.Fatal(err)
			}
			p, _ := assemble([]Case{{Name: "kept", Build: s.build}}, s.base, s.link)
			for _, e := range configured(subject) {
				diff, err := Compare(p, reference, e, t.TempDir())
				if err != nil {
					t.Error(err)
				}
				for _, d := range diff {
					t.Errorf("%s:\n%s", e.Name, Diff(&d.Want, &d.Got, "want", "got"))
				}
			}
		})
	}
}

// TestFlowText says that the text form has all that a flow is.
func TestFlowText(t *testing.T) {
	q := NewFlows(table(t))
	at := Site{PC: 0x1000, Scratch: 0x200000, Base: 30, Link: 31}
	for seed := range uint64(200) {
		f := q.Make(seed, at)
		want, wantIn, _ := f.build(at)
		s, err := parseFlow(f.write())
		if err != nil {
			t.Fatal(err)
		}
		got, gotIn, _ := s.build(at)
		for _, r := range []int{0, at.Base, at.Link} { // not loaded
			wantIn.X[r], gotIn.X[r] = 0, 0
		}
		if string(got) != string(want) || gotIn != wantIn {
			t.Fatalf("seed %d: what is read is not what was written:\n%s", seed, f.write())
		}
	}
}
