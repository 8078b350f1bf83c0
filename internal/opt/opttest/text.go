// Package opttest makes sources of regions for tests, of text and at random, and executes them.
package opttest

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/opt"
)

// Parse reads sources: texts of traces, see ir.Parse, one after the other. Each begins with
// its line "trace". Ways out lead to the trace that begins where they go; for a computed jump
// an arrow behind it tells where it is expected to go, to one address or, with commas, several:
//
//	trace 0x1000
//	a = getx 1
//	ret a -> 0x1040
//	trace 0x1040
//	goto 0x1000
func Parse(text string) ([]opt.Source, error) {
	var p parser
	for n, line := range strings.Split(text, "\n") {
		if err := p.line(line); err != nil {
			return nil, fmt.Errorf("line %d: %w", n+1, err)
		}
	}
	if err := p.end(); err != nil {
		return nil, err
	}
	return p.sources(), nil
}

type parser struct {
	text   strings.Builder // of the trace
	expect []uint64        // where its computed jump goes
	traces []*ir.Trace
	jumps  [][]uint64 // for each trace
}

func (p *parser) line(line string) error {
	if strings.HasPrefix(strings.TrimSpace(line), "trace ") {
		if err := p.end(); err != nil {
			return err
		}
	}
	code, list, ok := strings.Cut(line, "->")
	if ok {
		for _, to := range strings.Split(list, ",") {
			pc, err := strconv.ParseUint(strings.TrimSpace(to), 0, 64)
			if err != nil {
				return err
			}
			p.expect = append(p.expect, pc)
		}
	}
	p.text.WriteString(code + "\n")
	return nil
}

// end ends a trace.
func (p *parser) end() error {
	text := p.text.String()
	p.text.Reset()
	if strings.TrimSpace(text) == "" {
		return nil
	}
	t, err := ir.Parse(text)
	p.traces = append(p.traces, t)
	p.jumps = append(p.jumps, p.expect)
	p.expect = nil
	return err
}

func (p *parser) sources() []opt.Source {
	starts := map[uint64]int{}
	for n, t := range p.traces {
		starts[t.PC] = n
	}
	list := make([]opt.Source, len(p.traces))
	for n, t := range p.traces {
		list[n].Trace = t
		for k := range t.Code {
			for _, to := range targets(&t.Code[k], p.jumps[n]) {
				if at, inside := starts[to]; inside {
					list[n].Ways = append(list[n].Ways, opt.Way{From: ir.Value(k), To: at})
				}
			}
		}
	}
	return list
}

// targets are where i leads.
func targets(i *ir.Instr, expected []uint64) []uint64 {
	switch i.Op {
	case ir.ExitIf, ir.Goto, ir.CallTo:
		return []uint64{i.Imm}
	case ir.Jump, ir.JumpSame, ir.Call, ir.Ret:
		return expected
	}
	return nil
}
