package ir_test

import (
	"strings"
	"testing"

	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/ir/irtest"
)

// TestFiles evaluates the traces in testdata. Each operation has to be in one.
func TestFiles(t *testing.T) {
	cases, err := irtest.Files("testdata")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[ir.Op]bool{}
	for _, c := range cases {
		if c.WantErr != "" {
			if c.Err == nil || !strings.Contains(c.Err.Error(), c.WantErr) {
				t.Errorf("%s: %v, want %q", c.Name, c.Err, c.WantErr)
			}
			continue
		}
		for _, r := range c.Runs {
			s := r.In
			s.Mem = &s.Data
			if d := r.Diff(&s, ir.Eval(c.Trace, &s.State)); d != "" {
				t.Errorf("%s: %s\n%s", r.Pos, c.Name, d)
			}
			for _, i := range c.Trace.Code {
				seen[i.Op] = true
			}
		}
	}
	for op := ir.Const; op <= ir.Interp; op++ {
		if !seen[op] {
			t.Errorf("%s is in no file", op)
		}
	}
}
