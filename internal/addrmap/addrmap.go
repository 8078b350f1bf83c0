// Package addrmap maps guest addresses to what there is for them. Wide programs
// have hundreds of thousands of blocks of code, which are looked up all the time: mostly a look-up is of
// one line of the host's cache here, where it is of several in Go's maps; and look-ups of addresses near to each other
// are of the same line.
package addrmap

import (
	"iter"
	"math/bits"
)

// Map is a hash table with linear probing. The zero value is an empty one.
type Map[V any] struct {
	entries []entry[V] // a power of two of them, at most half of which are in use
	n       int        // those
}

// entry is free if it has no value.
type entry[V any] struct {
	key   uint64
	value *V
}

const (
	// leastSize is that of a map with any entries.
	leastSize = 64
	// The homes of 1<<areaShift addresses side by side are 1<<groupShift entries side by side: about twice as many as
	// there are blocks in so much code. Pages begin at any of them.
	areaShift, groupShift, pageShift = 7, 3, 12
)

// home is the index of the entry where looking for a key begins. The map is not empty.
func (m *Map[V]) home(key uint64) int {
	const golden = 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio: Knuth, volume 3, section 6.4
	group := key >> areaShift * golden >> (65 + groupShift - bits.Len(uint(len(m.entries))))
	return int(group<<groupShift | (key>>(areaShift-groupShift)^key>>pageShift)&(1<<groupShift-1))
}

// find returns the index of a key's entry, or of the free one where it would be.
func (m *Map[V]) find(key uint64) int {
	k := m.home(key)
	for m.entries[k].value != nil && m.entries[k].key != key {
		k = (k + 1) & (len(m.entries) - 1)
	}
	return k
}

// Get returns the value of a key, or nil.
func (m *Map[V]) Get(key uint64) *V {
	if len(m.entries) == 0 {
		return nil
	}
	return m.entries[m.find(key)].value
}

// Set gives a key a value, which is not nil.
func (m *Map[V]) Set(key uint64, value *V) {
	if 2*m.n >= len(m.entries) {
		m.grow()
	}
	e := &m.entries[m.find(key)]
	if e.value == nil {
		m.n++
	}
	*e = entry[V]{key, value}
}

func (m *Map[V]) grow() {
	old := m.entries
	m.entries = make([]entry[V], max(2*len(old), leastSize))
	for _, e := range old {
		if e.value != nil {
			m.entries[m.find(e.key)] = e
		}
	}
}

// Delete takes a key out.
func (m *Map[V]) Delete(key uint64) {
	if m.Get(key) == nil {
		return
	}
	m.n--
	free := m.find(key)
	m.entries[free].value = nil
	// Those behind come nearer, up to the next that is free: nothing may be between a key and its home.
	mask := len(m.entries) - 1
	for k := (free + 1) & mask; m.entries[k].value != nil; k = (k + 1) & mask {
		if home := m.home(m.entries[k].key); (k-home)&mask >= (k-free)&mask {
			m.entries[free] = m.entries[k]
			m.entries[k].value = nil
			free = k
		}
	}
}

// Len is the number of keys.
func (m *Map[V]) Len() int { return m.n }

// All are the keys and values, in no order.
func (m *Map[V]) All() iter.Seq2[uint64, *V] {
	return func(yield func(uint64, *V) bool) {
		for _, e := range m.entries {
			if e.value != nil && !yield(e.key, e.value) {
				return
			}
		}
	}
}
