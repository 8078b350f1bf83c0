package difftest

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// The text form of a flow, which depends on no generator: a test that has failed once is kept
// in testdata/flows. A value that depends on where the program lies is "code+N" or
// "scratch+N".
//
//	# what it is about
//	base 30 31             the two registers that it leaves alone
//	skip                   after a trap, go on behind the instruction
//	x 28 0x3               a register, if not 0
//	x 29 scratch+0
//	f 4 0x7ff8000000000000
//	fcsr 0x20
//	memory 0011...         the scratch memory
//	  +0x0  00c58533  add  instructions

// write returns the text form.
func (f *flow) write() string {
	const codeAt, scratchAt = 0xc0de << 40, 0x5c4a << 40 // where no other value is likely to be
	_, in, text := f.build(Site{PC: codeAt, Scratch: scratchAt, Base: f.Site.Base, Link: f.Site.Link})
	var out strings.Builder
	fmt.Fprintf(&out, "# %s\nbase %d %d\n", f.Name, f.Site.Base, f.Site.Link)
	if in.Skip != 0 {
		fmt.Fprintln(&out, "skip")
	}
	for i := 1; i < 32; i++ {
		switch v := in.X[i]; {
		case v == 0 || !f.Site.free(i):
		case v-codeAt < 1<<20:
			fmt.Fprintf(&out, "x %d code+%#x\n", i, v-codeAt)
		case v-scratchAt < 1<<20:
			fmt.Fprintf(&out, "x %d scratch+%#x\n", i, v-scratchAt)
		default:
			fmt.Fprintf(&out, "x %d %#x\n", i, v)
		}
	}
	for i, v := range in.F {
		if v != 0 {
			fmt.Fprintf(&out, "f %d %#x\n", i, v)
		}
	}
	fmt.Fprintf(&out, "fcsr %#x\nmemory %x\n", in.FCSR, in.Scratch)
	_, listing, _ := strings.Cut(text, "\n")
	for line := range strings.Lines(listing) {
		if strings.HasPrefix(line, " ") {
			out.WriteString(strings.ReplaceAll(line, "map[", "["))
		}
	}
	return out.String()
}

// savedFlow is a flow in its text form.
type savedFlow struct {
	base, link int
	in         Record
	relative   map[int]string // registers that hold "code" or "scratch" and a distance
	code       []byte
}

// parseFlow reads the text form.
func parseFlow(text string) (*savedFlow, error) {
	s := &savedFlow{relative: map[int]string{}}
	lines := bufio.NewScanner(strings.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		if err := s.parse(strings.Fields(lines.Text())); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	return s, lines.Err()
}

func (s *savedFlow) parse(w []string) error {
	if len(w) == 0 || strings.HasPrefix(w[0], "#") {
		return nil
	}
	if strings.HasPrefix(w[0], "+") && len(w) > 1 {
		b, err := hex.DecodeString(w[1])
		for i := range b {
			s.code = append(s.code, b[len(b)-1-i])
		}
		return err
	}
	var err error
	switch {
	case w[0] == "skip":
		s.in.Skip = 1
	case w[0] == "base" && len(w) == 3:
		_, err = fmt.Sscan(w[1]+" "+w[2], &s.base, &s.link)
	case w[0] == "fcsr" && len(w) == 2:
		s.in.FCSR, err = strconv.ParseUint(w[1], 0, 64)
	case w[0] == "memory" && len(w) == 2:
		_, err = hex.Decode(s.in.Scratch[:], []byte(w[1]))
	case (w[0] == "x" || w[0] == "f") && len(w) == 3:
		err = s.register(w)
	default:
		err = fmt.Errorf("what is %q?", w)
	}
	return err
}

func (s *savedFlow) register(w []string) error {
	n, err := strconv.Atoi(w[1])
	if err != nil || n < 0 || n > 31 {
		return fmt.Errorf("no register %q", w[1])
	}
	if strings.Contains(w[2], "+") {
		s.relative[n] = w[2]
		return nil
	}
	regs := &s.in.X
	if w[0] == "f" {
		regs = &s.in.F
	}
	regs[n], err = strconv.ParseUint(w[2], 0, 64)
	return err
}

// build puts the flow at a site.
func (s *savedFlow) build(at Site) ([]byte, Record, string) {
	in := s.in
	for r, v := range s.relative {
		base, distance, _ := strings.Cut(v, "+")
		n, _ := strconv.ParseUint(distance, 0, 64) // 0 if it is not a number
		in.X[r] = map[string]uint64{"code": at.PC, "scratch": at.Scratch}[base] + n
	}
	return s.code, in, ""
}
