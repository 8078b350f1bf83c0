//go:build linux && amd64

package prof

import (
	"cmp"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"time"

	"github.com/hospes-vm/hospes/internal/symbols"
)

// Fields of message Profile.
const (
	fieldSampleType = 1 + iota
	fieldSample
	fieldMapping
	fieldLocation
	fieldFunction
	_ // strings
	_
	_
	fieldTime
	fieldDuration
	fieldPeriodType
	fieldPeriod
)

// writer gives places numbers, and their names.
type writer struct {
	*encoder
	objs      map[*object]uint64
	lines     map[*object]*symbols.Lines
	locations map[place]uint64
	functions map[symbols.Position]uint64
}

// Write writes the profile, compressed.
func (p *Profile) Write(out io.Writer) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := &writer{
		encoder: newEncoder(), objs: map[*object]uint64{}, lines: map[*object]*symbols.Lines{},
		locations: map[place]uint64{}, functions: map[symbols.Position]uint64{},
	}
	w.valueType(fieldSampleType, "samples", "count")
	w.valueType(fieldSampleType, "cpu", "nanoseconds")
	if program, _, _ := p.objs.at(p.process.Image.ProgramEntry); program != nil {
		w.mapping(program) // pprof says that a profile is of the first
	}
	for _, key := range slices.Sorted(maps.Keys(p.samples)) {
		w.sample(p.samples[key], p.period)
	}
	w.out.number(fieldTime, uint64(p.start.UnixNano()))
	w.out.number(fieldDuration, uint64(time.Since(p.start)))
	w.valueType(fieldPeriodType, "cpu", "nanoseconds")
	w.out.number(fieldPeriod, uint64(p.period))
	z := gzip.NewWriter(out)
	if _, err := z.Write(w.finish()); err != nil {
		return err
	}
	return z.Close()
}

func (w *writer) sample(s *sample, period time.Duration) {
	var m message
	ids := make([]uint64, len(s.stack))
	for i, p := range s.stack {
		ids[i] = w.location(p)
	}
	m.packed(1, ids)
	m.packed(2, []uint64{uint64(s.number), uint64(s.number) * uint64(period)})
	w.label(&m, "tier", s.tier, 0)
	w.label(&m, "tid", "", uint64(s.tid))
	w.label(&m, "thread", s.name, 0)
	if s.call != "" {
		w.label(&m, "syscall", s.call, 0)
	}
	w.out.bytes(fieldSample, m)
}

// location is the number of a place.
func (w *writer) location(p place) uint64 {
	if id, ok := w.locations[p]; ok {
		return id
	}
	id := uint64(len(w.locations) + 1)
	w.locations[p] = id
	var m message
	m.number(1, id)
	m.number(2, w.mapping(p.obj))
	m.number(3, p.pc)
	for _, at := range w.positions(p) {
		var line message
		line.number(1, w.function(at))
		line.number(2, uint64(at.Line))
		m.bytes(4, line)
	}
	w.out.bytes(fieldLocation, m)
	return id
}

// positions are the functions at a place, the innermost first.
func (w *writer) positions(p place) []symbols.Position {
	if p.obj == nil {
		return []symbols.Position{{Function: fmt.Sprintf("[code at %#x]", p.addr&^0xfff)}}
	}
	if l := w.linesOf(p.obj); l != nil {
		if list := l.At(p.addr); len(list) > 0 {
			for i := range list {
				list[i].Function = cmp.Or(list[i].Function, p.obj.symbol(p.addr))
			}
			return list
		}
	}
	return []symbols.Position{{Function: p.obj.symbol(p.addr)}}
}

// symbol is the name of the function at an address, by the symbol table.
func (o *object) symbol(addr uint64) string {
	if o.symbols != nil {
		if _, _, name, ok := o.symbols.Function(addr); ok {
			return name
		}
	}
	if start, _, ok := o.function(addr); ok {
		return fmt.Sprintf("%s+%#x", path.Base(o.name), start)
	}
	return "[" + path.Base(o.name) + "]"
}

// linesOf reads the lines of an object, or returns nil.
func (w *writer) linesOf(o *object) *symbols.Lines {
	l, known := w.lines[o]
	if !known {
		if r, done, err := o.open(); err == nil {
			l, _ = symbols.ReadLines(r)
			done()
		}
		w.lines[o] = l
	}
	return l
}

// function is the number of the function that a position is in.
func (w *writer) function(at symbols.Position) uint64 {
	at.Line = 0
	if id, ok := w.functions[at]; ok {
		return id
	}
	id := uint64(len(w.functions) + 1)
	w.functions[at] = id
	var m message
	m.number(1, id)
	m.number(2, w.text(at.Function))
	m.number(3, w.text(at.Function))
	m.number(4, w.text(at.File))
	m.number(5, uint64(at.Start))
	w.out.bytes(fieldFunction, m)
	return id
}

// mapping is the number of an object's mapping, or 0.
func (w *writer) mapping(o *object) uint64 {
	if o == nil {
		return 0
	}
	if id, ok := w.objs[o]; ok {
		return id
	}
	id := uint64(len(w.objs) + 1)
	w.objs[o] = id
	var m message
	m.number(1, id)
	m.number(2, o.start)
	m.number(3, o.end)
	m.number(4, o.offset)
	m.number(5, w.text(o.name))
	m.number(6, w.text(o.buildID))
	for has := 7; has <= 10; has++ { // functions, filenames, lines, inlined frames
		m.number(has, 1)
	}
	w.out.bytes(fieldMapping, m)
	return id
}
