package mem

// Range is addresses from Start to End, which is not among them.
type Range struct{ Start, End uint64 }

// Len is the size in bytes.
func (r Range) Len() uint64 { return r.End - r.Start }

// Join appends a range to others, or has the last of these go on if it ends there.
func Join(list []Range, r Range) []Range {
	if n := len(list); n > 0 && list[n-1].End == r.Start {
		list[n-1].End = r.End
		return list
	}
	return append(list, r)
}

// Obstructed is a Mapping that has not all addresses below its limit. It refuses to map
// anything at the others.
type Obstructed interface {
	Mapping
	// Taken returns those that are not for the guest, in order.
	Taken() []Range
}
