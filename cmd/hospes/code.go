package main

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// codeParts are what -d shows.
type codeParts struct {
	guest, ir, host bool   // in the log
	page            string // file of the page of optimised regions, or ""
}

// logged reports whether anything is for the log.
func (p codeParts) logged() bool { return p.guest || p.ir || p.host }

func (p codeParts) any() bool { return p.logged() || p.page != "" }

// pagePart is the part that has a file.
const pagePart = "html:"

// String is the text that parseParts reads, the same in any directory.
func (p codeParts) String() string {
	var names []string
	for i, on := range []bool{p.guest, p.ir, p.host} {
		if on {
			names = append(names, []string{"guest", "ir", "host"}[i])
		}
	}
	if p.page != "" {
		file := p.page
		if abs, err := filepath.Abs(file); err == nil {
			file = abs
		}
		names = append(names, pagePart+file)
	}
	return strings.Join(names, ",")
}

// parseParts reads a list of parts; QEMU's names do, too.
func parseParts(v string) (p codeParts, err error) {
	for name := range strings.SplitSeq(v, ",") {
		switch name {
		case "guest", "in_asm":
			p.guest = true
		case "ir", "op":
			p.ir = true
		case "host", "out_asm":
			p.host = true
		default:
			file, ok := strings.CutPrefix(name, pagePart)
			if !ok || file == "" {
				return p, fmt.Errorf("%q is none of guest, ir, host and html:FILE", name)
			}
			p.page = file
		}
	}
	return p, nil
}

// codeFilter selects blocks of guest code.
type codeFilter struct {
	text      string // that it was made from
	ranges    []addressRange
	functions []string
}

// addressRange is the addresses from first to last.
type addressRange struct{ first, last uint64 }

// parseFilter reads a list of functions, and of ranges as QEMU's -dfilter has them: first
// and last, start and size, or end and size.
func parseFilter(v string) (codeFilter, error) {
	f := codeFilter{text: v}
	for s := range strings.SplitSeq(v, ",") {
		if s == "" {
			return f, fmt.Errorf("%q has an empty part", v)
		}
		if s[0] < '0' || s[0] > '9' {
			f.functions = append(f.functions, s)
			continue
		}
		r, ok := parseRange(s)
		if !ok {
			return f, fmt.Errorf("%q is no range of addresses", s)
		}
		f.ranges = append(f.ranges, r)
	}
	return f, nil
}

func parseRange(s string) (r addressRange, ok bool) {
	at := strings.IndexAny(s, ".+-")
	if at < 0 {
		return r, false
	}
	by := s[at : at+1]
	if strings.HasPrefix(s[at:], "..") {
		by = ".."
	}
	a, errA := strconv.ParseUint(s[:at], 0, 64)
	b, errB := strconv.ParseUint(s[at+len(by):], 0, 64)
	if errA != nil || errB != nil {
		return r, false
	}
	switch by {
	case "..":
		return addressRange{a, b}, a <= b
	case "+":
		return addressRange{a, a + b - 1}, b > 0
	case "-":
		return addressRange{a - b + 1, a}, b > 0 && b <= a
	}
	return r, false
}

// match reports whether the filter lets the block through that begins at pc, where name
// is: a function and a distance.
func (f *codeFilter) match(pc uint64, name string) bool {
	for _, r := range f.ranges {
		if r.first <= pc && pc <= r.last {
			return true
		}
	}
	function, _, _ := strings.Cut(name, "+0x")
	for _, n := range f.functions {
		if n == function {
			return true
		}
	}
	return false
}
