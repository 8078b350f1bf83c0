package table

import "sort"

// extent is a free range of host memory.
type extent struct{ start, end uintptr }

// extents is a first-fit allocator: free ranges, sorted, never adjacent.
type extents []extent

// alloc takes n bytes from the first range that has them.
func (x *extents) alloc(n uintptr) (uintptr, bool) {
	for i := range *x {
		e := &(*x)[i]
		if e.end-e.start < n {
			continue
		}
		p := e.start
		e.start += n
		if e.start == e.end {
			*x = append((*x)[:i], (*x)[i+1:]...)
		}
		return p, true
	}
	return 0, false
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
