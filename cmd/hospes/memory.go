package main

import (
	"fmt"
	"strconv"
)

// memoryOpts say what the guest's memory is like; 0 is the default.
type memoryOpts struct {
	page int // in bytes
	host int // the host's page size, in bytes
	bits int
}

// parsePage reads a page size.
func parsePage(v string) (int, error) {
	switch v {
	case "4K":
		return 4 << 10, nil
	case "16K":
		return 16 << 10, nil
	case "64K":
		return 64 << 10, nil
	}
	return 0, fmt.Errorf("%q is none of 4K, 16K, 64K", v)
}

// parseBits reads the size of an address space.
func parseBits(v string) (int, error) {
	switch v {
	case "38", "47", "56":
		return strconv.Atoi(v)
	}
	return 0, fmt.Errorf("%q is none of 38, 47, 56", v)
}

// options are the options that say what m does.
func (m memoryOpts) options() (args []string) {
	if m.page != 0 {
		args = append(args, "--page-size", strconv.Itoa(m.page>>10)+"K")
	}
	if m.host != 0 {
		args = append(args, "--host-page-size", strconv.Itoa(m.host>>10)+"K")
	}
	if m.bits != 0 {
		args = append(args, "--address-bits", strconv.Itoa(m.bits))
	}
	return args
}
