package main

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// profileOpts say what profile to make.
type profileOpts struct {
	file string // "" for none
	rate int    // samples in a second; 0 for the default
}

// maxRate is what timers of hosts may keep up with.
const maxRate = 1000

// parseRate reads a number of samples in a second.
func parseRate(v string) (int, error) {
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > maxRate {
		return 0, fmt.Errorf("%q is no number from 1 to %d", v, maxRate)
	}
	return n, nil
}

// options are the options that say what p does.
func (p profileOpts) options() (args []string) {
	if p.file != "" {
		args = append(args, "--pprof", absolute(p.file))
	}
	if p.rate != 0 {
		args = append(args, "--pprof-rate", strconv.Itoa(p.rate))
	}
	return args
}

// absolute is a file name that is valid in any directory.
func absolute(name string) string {
	if abs, err := filepath.Abs(name); err == nil {
		return abs
	}
	return name
}

// sourcePaths makes paths that begin with a dot, which are relative to this directory, absolute. Others are
// parts of names.
func sourcePaths(v string) string {
	list := strings.Split(v, ",")
	for i, p := range list {
		if p == "." || p == ".." || strings.HasPrefix(p, "./") || strings.HasPrefix(p, "../") {
			list[i] = absolute(p)
		}
	}
	return strings.Join(list, ",")
}

// coverageOpts say what coverage to tell of.
type coverageOpts struct {
	file  string // "" for none
	paths string
}

// options are the options that say what c does.
func (c coverageOpts) options() (args []string) {
	if c.file != "" {
		args = append(args, "--coverage", absolute(c.file))
	}
	if c.paths != "" {
		args = append(args, "--coverage-source", c.paths)
	}
	return args
}
