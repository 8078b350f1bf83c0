package hospes

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// MixStats say which guest instructions were executed, and where: see Config.Mix.
type MixStats struct {
	Executed   uint64 // instructions
	Compressed uint64 // those of 2 bytes among them
	Kinds      []Count
	Extensions []Count
	Blocks     []BlockCount // the hottest first
}

// Count is how many instructions of some kind there were.
type Count struct {
	Name string
	N    uint64
}

// BlockCount is a piece of code that is executed from its beginning to its end, unless it is left before.
type BlockCount struct {
	PC    uint64 // where it begins
	Name  string // the function that it is in, and how far; "" if that is not known
	Times uint64 // how often it was begun
	N     uint64 // instructions that were executed
}

// print prints what there is, the hottest blocks up to a number.
func (m *MixStats) print(p func(format string, a ...any)) {
	if m == nil {
		return
	}
	share := func(n uint64) float64 { return 100 * ratio(float64(n), float64(m.Executed)) }
	p("executed: %d instructions, %.1f %% compressed", m.Executed, share(m.Compressed))
	for _, part := range []struct {
		name string
		list []Count
	}{{"mix", m.Kinds}, {"extension", m.Extensions}} {
		for _, c := range part.list {
			p("%s %s: %d, %.2f %%", part.name, c.Name, c.N, share(c.N))
		}
	}
	for _, b := range m.Blocks {
		p("block %#x %s: %.2f %%, %d times, %d instructions", b.PC, cmp.Or(b.Name, "?"), share(b.N), b.Times, b.N)
	}
}

// counted is a map of counts as a list, the greatest first.
func counted(m map[string]uint64) (list []Count) {
	for name, n := range m {
		list = append(list, Count{name, n})
	}
	slices.SortFunc(list, func(a, b Count) int { return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Name, b.Name)) })
	return list
}

// Mix says what else Stats are to have, at the cost of counting each instruction.
type Mix struct {
	Kinds  bool // of instructions
	Blocks int  // how many of the hottest
}

// ParseMix reads a list of what is wanted: "mix" and "blocks", or "blocks:N", with commas.
func ParseMix(v string) (m Mix, err error) {
	for part := range strings.SplitSeq(v, ",") {
		n := 0
		switch {
		case part == "mix":
			m.Kinds = true
		case part == "blocks":
			m.Blocks = defaultBlocks
		default:
			if _, err := fmt.Sscanf(part, "blocks:%d", &n); err != nil || n < 1 || part != fmt.Sprintf("blocks:%d", n) {
				return m, fmt.Errorf("%q is neither mix nor blocks nor blocks:N", part)
			}
			m.Blocks = n
		}
	}
	return m, nil
}

const defaultBlocks = 20

// Option is what ParseMix reads, behind "=", or "".
func (m Mix) Option() string {
	var parts []string
	if m.Kinds {
		parts = append(parts, "mix")
	}
	if m.Blocks > 0 {
		parts = append(parts, fmt.Sprintf("blocks:%d", m.Blocks))
	}
	if parts == nil {
		return ""
	}
	return "=" + strings.Join(parts, ",")
}
