package table

import (
	"sort"

	"github.com/hospes-vm/hospes/internal/mem"
)

// run is consecutive guest pages of the same permissions whose host memory is
// consecutive, too.
type run struct {
	guest uint64 // address of the first page
	n     uint64 // bytes
	host  uintptr
	prot  mem.Prot
}

func (r *run) end() uint64 { return r.guest + r.n }

// part is what of r lies in [start, end), which it overlaps.
func (r run) part(start, end uint64) run {
	end = min(end, r.end())
	if start > r.guest {
		r.host += uintptr(start - r.guest)
		r.guest = start
	}
	r.n = end - r.guest
	return r
}

// follows reports whether q continues r without any difference.
func (r *run) follows(q *run) bool {
	return r.end() == q.guest && r.host+uintptr(r.n) == q.host && r.prot == q.prot
}

// runs are sorted by guest address; none overlap.
type runs []run

// index returns the position of the first run that ends after addr.
func (l runs) index(addr uint64) int {
	return sort.Search(len(l), func(i int) bool { return l[i].end() > addr })
}

// find returns the run that contains addr, or nil.
func (l runs) find(addr uint64) *run {
	if i := l.index(addr); i < len(l) && l[i].guest <= addr {
		return &l[i]
	}
	return nil
}

// within copies what lies in [start, end).
func (l runs) within(start, end uint64) (in runs) {
	for i := l.index(start); i < len(l) && l[i].guest < end; i++ {
		in = append(in, l[i].part(start, end))
	}
	return in
}

// replace puts new, which lies in [start, end), in the place of what is there.
func (l *runs) replace(start, end uint64, new ...run) {
	i := l.index(start)
	j := i
	for j < len(*l) && (*l)[j].guest < end {
		j++
	}
	var put runs
	if i < j && (*l)[i].guest < start {
		put = append(put, (*l)[i].part(0, start))
	}
	put = append(put, new...)
	if i < j && (*l)[j-1].end() > end {
		put = append(put, (*l)[j-1].part(end, (*l)[j-1].end()))
	}
	if i > 0 { // the neighbours, which may become one with what is put between them
		i--
		put = append(runs{(*l)[i]}, put...)
	}
	if j < len(*l) {
		put = append(put, (*l)[j])
		j++
	}
	put = put.merged()
	tail := append(put, (*l)[j:]...)
	*l = append((*l)[:i], tail...)
}

// merged makes one run of several wherever possible.
func (l runs) merged() runs {
	out := l[:0]
	for _, r := range l {
		if k := len(out) - 1; k >= 0 && out[k].follows(&r) {
			out[k].n += r.n
		} else {
			out = append(out, r)
		}
	}
	return out
}
