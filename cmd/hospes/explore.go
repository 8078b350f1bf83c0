package main

import (
	"fmt"
	"strconv"
	"time"
)

// exploreOpts are the options of explore.
type exploreOpts struct {
	port int    // 0: any that is free
	stay string // a duration, or "" for ever
}

var exploreTable = []option{
	{"port", "", "N", "serve the page at this port; default: one that is free", func(o *opts, v string) error {
		n, err := strconv.ParseUint(v, 10, 16)
		if err != nil {
			return fmt.Errorf("%q is no port", v)
		}
		o.exploring.port = int(n)
		return nil
	}},
	{"stay", "", "TIME", "serve it that long after the program has ended, as 30s; default: until interrupted", func(o *opts, v string) error {
		d, err := time.ParseDuration(v)
		if err != nil || d < 0 {
			return fmt.Errorf("%q is no time, as 30s or 5m", v)
		}
		o.exploring.stay = d.String()
		return nil
	}},
}
