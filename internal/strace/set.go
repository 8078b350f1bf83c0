//go:build linux && amd64

package strace

import (
	"strconv"
	"strings"
	"sync"
)

// set is a list of names for values, in the order in which strace prints them.
type set struct {
	unknown string // printed in a comment with what has no name, such as MAP_???
	names   []named
}

type named struct {
	value uint64
	name  string
	mask  uint64 // bits that must be as in value; 0 means those of value
}

var parsedSets sync.Map // string -> *set

// lookupSet returns a set of sets.go. It is parsed when it is first used.
func lookupSet(name string) *set {
	if s, ok := parsedSets.Load(name); ok {
		return s.(*set)
	}
	s := parseSet(sets[name])
	parsedSets.Store(name, s)
	return s
}

// parseSet reads "UNKNOWN_??? NAME=value NAME=value/mask ...".
func parseSet(text string) *set {
	words := strings.Fields(text)
	if len(words) == 0 {
		return &set{unknown: "???"}
	}
	s := &set{unknown: words[0]}
	for _, w := range words[1:] {
		name, value, _ := strings.Cut(w, "=")
		value, mask, _ := strings.Cut(value, "/")
		s.names = append(s.names, named{number(value), name, number(mask)})
	}
	return s
}

// number reads a C literal; the empty string is 0.
func number(s string) uint64 {
	if s == "" {
		return 0
	}
	if strings.HasPrefix(s, "-") {
		v, err := strconv.ParseInt(s, 0, 64)
		if err != nil {
			panic("strace: " + err.Error()) // sets.go is wrong; a test parses all of it
		}
		return uint64(v)
	}
	v, err := strconv.ParseUint(s, 0, 64)
	if err != nil {
		panic("strace: " + err.Error())
	}
	return v
}

// flags returns the names of the bits of v, joined by "|". What has no name is
// added as a number.
func (s *set) flags(v uint64) string {
	v = uint64(uint32(v)) | v&^0xffffffff*isWide(v)
	var parts []string
	rest := v
	for _, n := range s.names {
		mask := n.mask
		if mask == 0 {
			mask = n.value
		}
		if mask == 0 { // the name of zero
			if v == 0 {
				return n.name
			}
			continue
		}
		if rest&mask == n.value && (n.value != 0 || n.mask != 0) && v&mask == n.value {
			parts = append(parts, n.name)
			rest &^= mask
		}
	}
	switch {
	case len(parts) == 0 && v == 0:
		return "0"
	case len(parts) == 0:
		return "0x" + strconv.FormatUint(v, 16) + " /* " + s.unknown + " */"
	case rest != 0:
		parts = append(parts, "0x"+strconv.FormatUint(rest, 16))
	}
	return strings.Join(parts, "|")
}

// isWide is 1 if the upper half of v holds bits of its own, and is not the sign of
// a 32-bit argument.
func isWide(v uint64) uint64 {
	if int64(v) == int64(int32(v)) {
		return 0
	}
	return 1
}

// enum returns the name of v.
func (s *set) enum(v uint64) string {
	if n, ok := s.name(v); ok {
		return n
	}
	return "0x" + strconv.FormatUint(uint64(uint32(v)), 16) + " /* " + s.unknown + " */"
}

// name returns the name of v, compared as a C int.
func (s *set) name(v uint64) (string, bool) {
	for _, n := range s.names {
		if uint32(n.value) == uint32(v) {
			return n.name, true
		}
	}
	return "", false
}
