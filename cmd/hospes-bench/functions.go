package main

import (
	"fmt"
	"slices"
	"time"
)

// libraryPrograms are rows that spend time in the C library's functions on memory and strings,
// and some that do not.
var libraryPrograms = []string{
	"memory/memcpy", "integer/strings", "integer/lz", "integer/c++-containers", "real/sqlite3", "real/python3", "real/perl", "real/gcc",
	"real/mawk", "real/jq", "real/sort", "real/bash", "shallow/gcc -c, 2,000 lines",
}

// nativeLib compares hospes with and without host code for functions of the C library, run by run.
func nativeLib(c *config, systems []system, w *world) (table, error) {
	t := table{
		key: "native-lib", title: "Host code for functions of the C library (without: `--native-lib off`): the least user CPU time of as many runs as rounds.",
		header: []string{"program", "without ms", "with ms", "with/without"},
	}
	with, without := systems[1], systems[1]
	with.env = append(slices.Clone(with.env), "HOSPES_NATIVE_LIB=on")
	without.env = append(slices.Clone(without.env), "HOSPES_NATIVE_LIB=off")
	var all []float64
	for _, r := range allRows() {
		if !slices.Contains(libraryPrograms, r.fullName()) {
			continue
		}
		if r.argv == nil {
			if err := compile(c, []row{r}); err != nil {
				return t, err
			}
		}
		a, b, err := leastTimes(c, w, "native-lib", [2]*system{&without, &with}, &r, c.rounds)
		if err != nil {
			return t, fmt.Errorf("%s: %w", r.name, err)
		}
		all = append(all, ratio(b, a))
		t.rows = append(t.rows, []string{r.fullName(), ms(a), ms(b), factor(ratio(b, a))})
	}
	t.rows = append(t.rows, []string{"geometric mean", "", "", factor(mean(all))})
	return t, nil
}

// leastTimes returns the least user CPU times of some runs on two systems: other programs can
// only add to it.
func leastTimes(c *config, w *world, what string, on [2]*system, r *row, runs int) (a, b time.Duration, err error) {
	least := func(s *system, d *time.Duration) {
		if err == nil {
			var took sample
			if took, _, err = r.run(c, s, w); *d == 0 || took.User < *d {
				*d = took.User
			}
		}
	}
	for n := range runs {
		progress("special/%s: %s %d", what, r.name, n)
		least(on[0], &a)
		least(on[1], &b)
	}
	return a, b, err
}
