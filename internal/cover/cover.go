//go:build linux && amd64

// Package cover says which lines of source text a guest has executed, by its debug information, as a
// tracefile of lcov (geninfo(1)).
package cover

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"sort"
	"strings"

	"github.com/hospes-vm/hospes/internal/mem"
	"github.com/hospes-vm/hospes/internal/symbols"
)

// Coverage is that of a process.
type Coverage struct {
	Space *mem.Space
	Open  func(*mem.File) (*os.File, error) // opens what a mapping is of
	// Counts calls f with executed instructions, and how often each was.
	Counts func(f func(pc, n uint64))
	// Zero has everything counted anew.
	Zero func()
	// Paths are parts of the names of source files, as they lie between slashes; only files that have one of them count, if
	// there are any. Otherwise files count of which anything was executed.
	Paths []string
}

// Empty reports whether nothing has been executed.
func (c *Coverage) Empty() bool {
	none := true
	c.Counts(func(uint64, uint64) { none = false })
	return none
}

// Reset forgets everything.
func (c *Coverage) Reset() { c.Zero() }

// Write writes what has been executed, and forgets it: later calls write what comes on top of that.
func (c *Coverage) Write(w io.Writer) error {
	counts := map[uint64]uint64{}
	c.Counts(func(pc, n uint64) { counts[pc] += n })
	c.Zero()
	files := sources{}
	for _, o := range c.objects() {
		if n := o.executed(counts); len(n.addrs) > 0 || len(c.Paths) > 0 {
			files.add(o.lines, n)
		}
	}
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if f := files[name]; c.wants(name, f) {
			f.write(&b, name)
		}
	}
	_, err := w.Write(b.Bytes()) // at once: other processes add to the file, too
	return err
}

// wants reports whether a source file counts.
func (c *Coverage) wants(name string, f *source) bool {
	if len(c.Paths) == 0 {
		return f.hit()
	}
	return slices.ContainsFunc(c.Paths, func(p string) bool {
		return strings.Contains(name+"/", "/"+strings.Trim(p, "/")+"/")
	})
}

// object is a file of which code is mapped, and that says what its lines are.
type object struct {
	lines *symbols.Lines
	maps  []mem.VMA
}

func (c *Coverage) objects() (list []*object) {
	type id struct{ dev, ino uint64 }
	known := map[id]*object{}
	for _, v := range c.Space.VMAs() {
		if v.File == nil || v.Prot&mem.Exec == 0 {
			continue
		}
		key := id{v.File.Dev, v.File.Ino}
		o, ok := known[key]
		if !ok {
			if f, err := c.Open(v.File); err == nil {
				if lines, err := symbols.ReadLines(f); err == nil {
					o = &object{lines: lines}
					list = append(list, o)
				}
				_ = f.Close()
			}
			known[key] = o
		}
		if o != nil {
			o.maps = append(o.maps, v)
		}
	}
	return list
}

// executed is what has been executed of an object, by addresses in the file.
type executed struct {
	addrs []uint64
	n     map[uint64]uint64
}

func (o *object) executed(counts map[uint64]uint64) executed {
	e := executed{n: map[uint64]uint64{}}
	for pc, n := range counts {
		for i := range o.maps {
			if v := &o.maps[i]; v.Start <= pc && pc < v.End {
				if addr, ok := o.lines.Address(pc - v.Start + v.Offset); ok {
					e.n[addr] += n
				}
			}
		}
	}
	e.addrs = slices.Sorted(maps.Keys(e.n))
	return e
}

// most is the greatest count of the instructions from start up to end.
func (e *executed) most(start, end uint64) (n uint64) {
	for i, _ := slices.BinarySearch(e.addrs, start); i < len(e.addrs) && e.addrs[i] < end; i++ {
		n = max(n, e.n[e.addrs[i]])
	}
	return n
}

// sources are source files by name.
type sources map[string]*source

// source is a file.
type source struct {
	lines     map[int]uint64
	functions map[string]*function
}

type function struct {
	line  int
	count uint64
}

func (s sources) file(name string) *source {
	f := s[name]
	if f == nil {
		f = &source{map[int]uint64{}, map[string]*function{}}
		s[name] = f
	}
	return f
}

// piece is code of a function.
type piece struct {
	start, end uint64
	n          int // of the function
}

// add adds an object's files. The count of a line is that of its instruction that was executed most often; those of
// several functions, such as instances of a template, are added up.
func (s sources) add(lines *symbols.Lines, e executed) {
	var pieces []piece
	lines.Functions(func(at symbols.Position, ranges [][2]uint64) {
		for _, r := range ranges {
			pieces = append(pieces, piece{r[0], r[1], len(pieces)})
		}
		if at.File == "" || at.Function == "" || at.Start == 0 {
			return
		}
		f := s.file(at.File)
		if f.functions[at.Function] == nil {
			f.functions[at.Function] = &function{line: at.Start}
		}
		f.functions[at.Function].count += e.n[ranges[0][0]]
	})
	slices.SortFunc(pieces, func(a, b piece) int { return cmp.Compare(a.start, b.start) })
	type place struct {
		file string
		line int
		fn   int
	}
	most := map[place]uint64{}
	lines.Rows(func(r symbols.Row) {
		fn := -1
		if i := sort.Search(len(pieces), func(i int) bool { return pieces[i].start > r.Start }) - 1; i >= 0 && r.Start < pieces[i].end {
			fn = pieces[i].n
		}
		p := place{r.File, r.Line, fn}
		most[p] = max(most[p], e.most(r.Start, r.End))
	})
	for p, n := range most {
		s.file(p.file).lines[p.line] += n
	}
}

// hit reports whether anything of a file was executed.
func (f *source) hit() bool {
	for _, n := range f.lines {
		if n > 0 {
			return true
		}
	}
	return false
}

// write writes a record (geninfo(1), section Files).
func (f *source) write(b *bytes.Buffer, name string) {
	fmt.Fprintf(b, "TN:\nSF:%s\n", name)
	names := slices.SortedFunc(maps.Keys(f.functions), func(x, y string) int {
		return cmp.Or(cmp.Compare(f.functions[x].line, f.functions[y].line), cmp.Compare(x, y))
	})
	hit := 0
	for _, n := range names {
		fmt.Fprintf(b, "FN:%d,%s\n", f.functions[n].line, n)
	}
	for _, n := range names {
		fmt.Fprintf(b, "FNDA:%d,%s\n", f.functions[n].count, n)
		hit += int(min(f.functions[n].count, 1))
	}
	fmt.Fprintf(b, "FNF:%d\nFNH:%d\n", len(names), hit)
	hit = 0
	for _, line := range slices.Sorted(maps.Keys(f.lines)) {
		fmt.Fprintf(b, "DA:%d,%d\n", line, f.lines[line])
		hit += int(min(f.lines[line], 1))
	}
	fmt.Fprintf(b, "LF:%d\nLH:%d\nend_of_record\n", len(f.lines), hit)
}
