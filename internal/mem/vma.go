package mem

import (
	"io"
	"sort"
)

// File identifies what a mapping was made from. FD and Content are only used while the
// mapping is made; the rest is for /proc/pid/maps.
type File struct {
	FD int // descriptor of the host, or -1
	// Content is copied into the pages of a private mapping if there is no FD. Without both, the
	// mapping is of anonymous memory, which has this identity.
	Content io.ReaderAt
	// ReadOnly says that shared mappings may never be written to.
	ReadOnly bool
	Path     string
	Dev      uint64
	Ino      uint64
	// Fixed says that nobody can change what FD has: it is sealed.
	Fixed bool
}

// VMA is a maximal range of guest pages with the same properties.
type VMA struct {
	Start, End uint64 // page aligned, End exclusive
	Prot       Prot
	Shared     bool
	NoReserve  bool
	GrowsDown  bool   // on use: see Space.grow
	Wipe       bool   // reads as zero in copies (ForkInto)
	Held       bool   // counted by the Budget: can be accessed, or could once; without a budget, nothing is
	File       *File  // nil for anonymous memory
	Offset     uint64 // file offset of Start
	Name       string // "[heap]", "[stack]", "[vdso]" or ""
}

// Len is the size in bytes.
func (v *VMA) Len() uint64 { return v.End - v.Start }

// data reports whether RLIMIT_DATA counts v.
func (v *VMA) data() bool { return v.Prot&Write != 0 && !v.Shared && !v.GrowsDown }

// low is the end of the addresses below v at which others may be placed: what grows
// down keeps some room.
func (v *VMA) low(gap uint64) uint64 {
	if v.GrowsDown {
		return v.Start - min(v.Start, gap)
	}
	return v.Start
}

// follows reports whether w continues v without any difference, so that the two
// may become one.
func (v *VMA) follows(w *VMA) bool {
	if v.End != w.Start || v.Prot != w.Prot || v.Shared != w.Shared || v.NoReserve != w.NoReserve ||
		v.GrowsDown != w.GrowsDown || v.Held != w.Held || v.Wipe != w.Wipe || v.Name != w.Name {
		return false
	}
	if v.File == nil || w.File == nil {
		return v.File == w.File && !v.Shared
	}
	return v.File.Dev == w.File.Dev && v.File.Ino == w.File.Ino && v.File.Path == w.File.Path && v.File.Fixed == w.File.Fixed && v.Offset+v.Len() == w.Offset
}

// from returns the part of v that starts at addr.
func (v VMA) from(addr uint64) VMA {
	if v.File != nil {
		v.Offset += addr - v.Start
	}
	v.Start = addr
	return v
}

// vmaList is sorted by address; its elements do not overlap.
type vmaList []VMA

// index returns the position of the first VMA that ends after addr.
func (l vmaList) index(addr uint64) int {
	return sort.Search(len(l), func(i int) bool { return l[i].End > addr })
}

// find returns the VMA that contains addr, or nil.
func (l vmaList) find(addr uint64) *VMA {
	if i := l.index(addr); i < len(l) && l[i].Start <= addr {
		return &l[i]
	}
	return nil
}

// overlapping returns the positions [i, j) of the VMAs that share pages with [start, end).
func (l vmaList) overlapping(start, end uint64) (i, j int) {
	i = l.index(start)
	j = i
	for j < len(l) && l[j].Start < end {
		j++
	}
	return i, j
}

// covered reports whether every page of [start, end) is mapped.
func (l vmaList) covered(start, end uint64) bool {
	for i := l.index(start); start < end; i++ {
		if i >= len(l) || l[i].Start > start {
			return false
		}
		start = l[i].End
	}
	return true
}

// cut splits VMAs so that none crosses start or end, and returns the positions
// [i, j) of those inside.
func (l *vmaList) cut(start, end uint64) (i, j int) {
	l.split(start)
	l.split(end)
	return l.overlapping(start, end)
}

func (l *vmaList) split(addr uint64) {
	i := l.index(addr)
	if i >= len(*l) || (*l)[i].Start >= addr {
		return
	}
	v := (*l)[i]
	tail := v.from(addr)
	v.End = addr
	*l = append(*l, VMA{})
	copy((*l)[i+1:], (*l)[i:])
	(*l)[i], (*l)[i+1] = v, tail
}

// remove deletes all pages of [start, end).
func (l *vmaList) remove(start, end uint64) {
	i, j := l.cut(start, end)
	*l = append((*l)[:i], (*l)[j:]...)
}

// insert puts v in place of whatever is there, and merges it with its neighbours.
func (l *vmaList) insert(v VMA) {
	i, j := l.cut(v.Start, v.End)
	if i < j {
		(*l)[i] = v
		*l = append((*l)[:i+1], (*l)[j:]...)
	} else {
		*l = append(*l, VMA{})
		copy((*l)[i+1:], (*l)[i:])
		(*l)[i] = v
	}
	l.mergeAround(i, i+1)
}

// mergeAround joins equal neighbours among positions [i-1, j].
func (l *vmaList) mergeAround(i, j int) {
	lo, hi := max(i-1, 0), min(j, len(*l)-1)
	for k := hi; k > lo; k-- {
		a, b := &(*l)[k-1], &(*l)[k]
		if a.follows(b) {
			a.End = b.End
			*l = append((*l)[:k], (*l)[k+1:]...)
		}
	}
}

// gapBelow returns the highest start of a free range of n bytes that lies in [low, high),
// with a gap below what grows down.
func (l vmaList) gapBelow(low, high, n, gap uint64) (uint64, bool) {
	end := high
	i := sort.Search(len(l), func(i int) bool { return l[i].Start >= high })
	if i < len(l) {
		end = min(end, l[i].low(gap))
	}
	for i--; i >= 0 && end > low; i-- {
		if start := max(l[i].End, low); start < end && end-start >= n {
			return end - n, true
		}
		end = min(end, l[i].low(gap))
	}
	return end - n, end > low && end-low >= n
}

// gapAbove returns the lowest start of a free range of n bytes that lies in [low, high).
func (l vmaList) gapAbove(low, high, n, gap uint64) (uint64, bool) {
	start := low
	for i := l.index(low); ; i++ {
		next := high
		if i < len(l) {
			next = min(high, l[i].low(gap))
		}
		if next > start && next-start >= n {
			return start, true
		}
		if i >= len(l) || l[i].End >= high {
			return 0, false
		}
		start = max(start, l[i].End)
	}
}
