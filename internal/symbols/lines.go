package symbols

import (
	"cmp"
	"debug/dwarf"
	"debug/elf"
	"debug/gosym"
	"errors"
	"io"
	"slices"
	"sort"
)

// Position is a place in source text.
type Position struct {
	Function string // as the linker knows it, so mangled; "" if not known
	Start    int    // line at which the function begins, or 0
	File     string
	Line     int
}

// Lines knows where in source text the code of a file is from, by its debug information (DWARF), or by the
// table that Go's linker puts into each program.
type Lines struct {
	data  *dwarf.Data // nil for none
	goTab *gosym.Table
	units []*unit
	spans []unitSpan // by start
	code  []elf.ProgHeader
}

// unit is a compilation unit.
type unit struct {
	entry *dwarf.Entry
	rows  []Row   // once read
	tops  []scope // functions; once read
	read  bool
	lines bool
}

// unitSpan is code of a unit.
type unitSpan struct {
	start, end uint64
	unit       *unit
}

// scope is a function, or the code of one that has been inlined.
type scope struct {
	ranges   [][2]uint64
	at       Position // Function and Start; File and Line are those of the call, if it is inlined
	children []scope
}

// Row is code from Start up to End that is of one line. Stmt says that it is where a statement begins.
type Row struct {
	Start, End uint64
	File       string
	Line       int
	Stmt       bool
}

// ErrNoLines is for files that say nothing of their source text.
var ErrNoLines = errors.New("no debug information")

// ReadLines reads an ELF file, of which all that is needed is kept.
func ReadLines(r io.ReaderAt) (*Lines, error) {
	f, err := elf.NewFile(r)
	if err != nil {
		return nil, err
	}
	l := &Lines{}
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && p.Flags&elf.PF_X != 0 {
			l.code = append(l.code, p.ProgHeader)
		}
	}
	if f.Section(".debug_info") != nil || f.Section(".zdebug_info") != nil {
		if l.data, err = f.DWARF(); err != nil {
			return nil, err
		}
		l.readUnits()
	}
	if len(l.units) == 0 {
		if l.goTab = goTable(f); l.goTab == nil {
			return nil, ErrNoLines
		}
	}
	return l, nil
}

// goTable reads the table of Go's linker, or nil.
func goTable(f *elf.File) *gosym.Table {
	s, text := f.Section(".gopclntab"), f.Section(".text")
	if s == nil || text == nil {
		return nil
	}
	b, err := s.Data()
	if err != nil {
		return nil
	}
	t, err := gosym.NewTable(nil, gosym.NewLineTable(b, text.Addr))
	if err != nil {
		return nil
	}
	return t
}

// readUnits lists the units and their code.
func (l *Lines) readUnits() {
	r := l.data.Reader()
	for {
		e, err := r.Next()
		if err != nil || e == nil {
			break
		}
		if e.Tag == dwarf.TagCompileUnit {
			u := &unit{entry: e}
			l.units = append(l.units, u)
			ranges, _ := l.data.Ranges(e)
			for _, s := range ranges {
				if s[0] < s[1] && l.isCode(s[0]) {
					l.spans = append(l.spans, unitSpan{s[0], s[1], u})
				}
			}
		}
		r.SkipChildren()
	}
	slices.SortFunc(l.spans, func(a, b unitSpan) int { return cmp.Compare(a.start, b.start) })
}

// isCode reports whether there is code at an address. What the linker has left out is at 0.
func (l *Lines) isCode(addr uint64) bool {
	return slices.ContainsFunc(l.code, func(p elf.ProgHeader) bool { return addr >= p.Vaddr && addr-p.Vaddr < p.Filesz })
}

// Address is that of the byte at an offset in the file, if it is code.
func (l *Lines) Address(offset uint64) (addr uint64, ok bool) {
	for _, p := range l.code {
		if offset >= p.Off && offset-p.Off < p.Filesz {
			return offset - p.Off + p.Vaddr, true
		}
	}
	return 0, false
}

// unitAt is the unit that has an address, or nil.
func (l *Lines) unitAt(addr uint64) *unit {
	i := sort.Search(len(l.spans), func(i int) bool { return l.spans[i].start > addr }) - 1
	if i < 0 || addr >= l.spans[i].end {
		return nil
	}
	return l.spans[i].unit
}

// At says where the code at an address is from: the innermost function first, then those
// that it has been inlined into. It is nil if nothing is known.
func (l *Lines) At(addr uint64) []Position {
	if l.goTab != nil {
		file, line, fn := l.goTab.PCToLine(addr)
		if fn == nil {
			return nil
		}
		return []Position{{Function: fn.Name, File: file, Line: line}}
	}
	u := l.unitAt(addr)
	if u == nil {
		return nil
	}
	l.readScopes(u)
	pos := Position{}
	if row := l.row(u, addr); row != nil {
		pos.File, pos.Line = row.File, row.Line
	}
	var list []Position
	for scopes := u.tops; ; {
		s := find(scopes, addr)
		if s == nil {
			break
		}
		// The place of a call is one in the function around it.
		if len(list) > 0 {
			list[0].File, list[0].Line = s.at.File, s.at.Line
		}
		list = slices.Insert(list, 0, Position{Function: s.at.Function, Start: s.at.Start, File: pos.File, Line: pos.Line})
		scopes = s.children
	}
	if list == nil && pos.File != "" {
		list = []Position{pos}
	}
	return list
}

// find is the scope that has an address, or nil.
func find(scopes []scope, addr uint64) *scope {
	for i := range scopes {
		for _, r := range scopes[i].ranges {
			if r[0] <= addr && addr < r[1] {
				return &scopes[i]
			}
		}
	}
	return nil
}

// row is the row of an address, or nil.
func (l *Lines) row(u *unit, addr uint64) *Row {
	rows := l.unitRows(u)
	i := sort.Search(len(rows), func(i int) bool { return rows[i].Start > addr }) - 1
	if i < 0 || addr >= rows[i].End {
		return nil
	}
	return &rows[i]
}

// unitRows are the rows of a unit, by address.
func (l *Lines) unitRows(u *unit) []Row {
	if u.lines {
		return u.rows
	}
	u.lines = true
	r, err := l.data.LineReader(u.entry)
	if err != nil || r == nil {
		return nil
	}
	var last, e dwarf.LineEntry
	open := false
	for r.Next(&e) == nil {
		if open && last.Address < e.Address && last.File != nil && last.Line > 0 && l.isCode(last.Address) {
			u.rows = append(u.rows, Row{last.Address, e.Address, last.File.Name, last.Line, last.IsStmt})
		}
		if last, open = e, !e.EndSequence; e.EndSequence {
			last = dwarf.LineEntry{}
		}
	}
	slices.SortStableFunc(u.rows, func(a, b Row) int { return cmp.Compare(a.Start, b.Start) })
	return u.rows
}

// Rows calls f with all rows of all units.
func (l *Lines) Rows(f func(Row)) {
	for _, u := range l.units {
		for _, r := range l.unitRows(u) {
			f(r)
		}
	}
}

// Functions calls f with each function that has code: where it begins, and its addresses.
func (l *Lines) Functions(f func(at Position, ranges [][2]uint64)) {
	for _, u := range l.units {
		l.readScopes(u)
		for i := range u.tops {
			f(u.tops[i].at, u.tops[i].ranges)
		}
	}
}
