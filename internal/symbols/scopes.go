package symbols

import (
	"cmp"
	"debug/dwarf"
)

// Functions in debug information: DWARF 5, section 3.3.

// scopeReader reads the functions of a unit.
type scopeReader struct {
	data  *dwarf.Data
	r     *dwarf.Reader
	files []*dwarf.LineFile
	names map[dwarf.Offset]origin
}

// origin is what an entry says that others refer to.
type origin struct {
	name, linkage, file string
	line                int
}

// readScopes reads the functions of a unit, once.
func (l *Lines) readScopes(u *unit) {
	if u.read {
		return
	}
	u.read = true
	s := &scopeReader{data: l.data, r: l.data.Reader(), names: map[dwarf.Offset]origin{}}
	if lr, err := l.data.LineReader(u.entry); err == nil && lr != nil {
		s.files = lr.Files()
	}
	s.r.Seek(u.entry.Offset)
	if _, err := s.r.Next(); err != nil || !u.entry.Children {
		return
	}
	u.tops = s.children(nil)
	tops := u.tops[:0]
	for _, f := range u.tops {
		if len(f.ranges) > 0 && l.isCode(f.ranges[0][0]) {
			tops = append(tops, f)
		}
	}
	u.tops = tops
}

// children reads the children of the entry that has just been read: functions, wherever they are among them, are
// added to list.
func (s *scopeReader) children(list []scope) []scope {
	for {
		e, err := s.r.Next()
		if err != nil || e == nil || e.Tag == 0 {
			return list
		}
		switch e.Tag {
		case dwarf.TagSubprogram, dwarf.TagInlinedSubroutine:
			f := s.scope(e)
			if e.Children {
				f.children = s.children(nil)
			}
			if len(f.ranges) > 0 {
				list = append(list, f)
			}
		case dwarf.TagLexDwarfBlock, dwarf.TagNamespace, dwarf.TagModule, dwarf.TagClassType, dwarf.TagStructType, dwarf.TagUnionType, dwarf.TagTryDwarfBlock, dwarf.TagCatchDwarfBlock:
			if e.Children {
				list = s.children(list)
			}
		default:
			if e.Children {
				s.r.SkipChildren()
			}
		}
	}
}

// scope reads a function's entry.
func (s *scopeReader) scope(e *dwarf.Entry) scope {
	var f scope
	f.ranges, _ = s.data.Ranges(e)
	if len(f.ranges) == 0 {
		return f
	}
	o := s.origin(e, 0)
	f.at.Function, f.at.Start, f.at.File = o.linkage, o.line, o.file
	if f.at.Function == "" {
		f.at.Function = o.name
	}
	if e.Tag == dwarf.TagInlinedSubroutine {
		line, _ := e.Val(dwarf.AttrCallLine).(int64)
		f.at.File, f.at.Line = s.file(e, dwarf.AttrCallFile), int(line)
	}
	return f
}

// maxOrigins is how many entries may refer to each other.
const maxOrigins = 4

// origin is what an entry, and those that it refers to, say.
func (s *scopeReader) origin(e *dwarf.Entry, depth int) (o origin) {
	if o, ok := s.names[e.Offset]; ok {
		return o
	}
	o.name, _ = e.Val(dwarf.AttrName).(string)
	o.linkage, _ = e.Val(dwarf.AttrLinkageName).(string)
	line, _ := e.Val(dwarf.AttrDeclLine).(int64)
	o.line, o.file = int(line), s.file(e, dwarf.AttrDeclFile)
	for _, attr := range []dwarf.Attr{dwarf.AttrAbstractOrigin, dwarf.AttrSpecification} {
		ref, ok := e.Val(attr).(dwarf.Offset)
		if !ok || depth >= maxOrigins {
			continue
		}
		r := s.data.Reader()
		r.Seek(ref)
		if to, err := r.Next(); err == nil && to != nil {
			from := s.origin(to, depth+1)
			o = origin{cmp.Or(o.name, from.name), cmp.Or(o.linkage, from.linkage), cmp.Or(o.file, from.file), cmp.Or(o.line, from.line)}
		}
	}
	s.names[e.Offset] = o
	return o
}

// file is the file that an attribute refers to.
func (s *scopeReader) file(e *dwarf.Entry, attr dwarf.Attr) string {
	n, ok := e.Val(attr).(int64)
	if !ok || n < 0 || int(n) >= len(s.files) || s.files[n] == nil {
		return ""
	}
	return s.files[n].Name
}
