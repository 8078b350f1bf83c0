package table

import (
	"sort"

	"github.com/hospes-vm/hospes/internal/mem"
)

// extent is a free range of host memory.
type extent struct{ start, end uintptr }

// guard is what stays free on both sides of whatever is taken, in bytes.
const guard = mem.PageSize

// extents is a first-fit allocator: free ranges, sorted, never adjacent.
type extents []extent

// alloc takes n bytes from the first range that has them.
func (x *extents) alloc(n uintptr) (uintptr, bool) {
	for i, e := range *x {
		if e.end-e.start >= n+2*guard {
			x.take(i, e.start+guard, n)
			return e.start + guard, true
		}
	}
	return 0, false
}

// extend takes the n bytes from p on, which is where something ends, if they are free.
func (x *extents) extend(p, n uintptr) bool {
	i := sort.Search(len(*x), func(i int) bool { return (*x)[i].start >= p })
	if i == len(*x) || (*x)[i].start != p || (*x)[i].end-p < n+guard {
		return false
	}
	x.take(i, p, n)
	return true
}

// take takes [p, p+n) out of range i.
func (x *extents) take(i int, p, n uintptr) {
	e := (*x)[i]
	var left extents
	if e.start < p {
		left = append(left, extent{e.start, p})
	}
	if p+n < e.end {
		left = append(left, extent{p + n, e.end})
	}
	*x = append((*x)[:i], append(left, (*x)[i+1:]...)...)
}

// free gives [p, p+n) back.
func (x *extents) free(p, n uintptr) {
	i := sort.Search(len(*x), func(i int) bool { return (*x)[i].start > p })
	left := i > 0 && (*x)[i-1].end == p
	right := i < len(*x) && (*x)[i].start == p+n
	switch {
	case left && right:
		(*x)[i-1].end = (*x)[i].end
		*x = append((*x)[:i], (*x)[i+1:]...)
	case left:
		(*x)[i-1].end += n
	case right:
		(*x)[i].start = p
	default:
		*x = append(*x, extent{})
		copy((*x)[i+1:], (*x)[i:])
		(*x)[i] = extent{p, p + n}
	}
}
