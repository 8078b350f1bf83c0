package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// hospes keeps translations of what it runs, in a directory of the benchmark's own here, which is empty at first. Each row runs once
// before it is measured, on each system, so the figures are of later runs. special/cache has those of first ones.

// cacheVariable names the directory.
const cacheVariable = "HOSPES_TRANSLATION_CACHE"

// cacheDir is the name of the directory, in that of the compiled programs and in /tmp of the world.
const cacheDir = "translations"

// emptyCache makes the directory anew.
func emptyCache(dir string) error {
	dir = filepath.Join(dir, cacheDir)
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.MkdirAll(dir, 0o700)
}

// environment is that of the system's command where the directory is in dir.
func (s *system) environment(dir string) []string {
	return append([]string{cacheVariable + "=" + filepath.Join(dir, cacheDir)}, s.env...)
}

// firstRuns compares hospes's first runs of a program with later ones.
func firstRuns(c *config, systems []system, w *world) (table, error) {
	t := table{
		key: "cache", title: "First and later runs: user CPU time and, where that is the figure, time that goes by, with a directory of translations that is empty, that earlier runs have filled, and without (`--cache off`). The least of as many runs as rounds.",
		header: []string{"program", "native ms", "first ms", "later ms", "without ms", "later/first", "first/without", "qemu/first"},
	}
	for _, r := range allRows() {
		if r.argv == nil || r.group != shallow && r.group != processes {
			continue
		}
		times, err := firstAndLater(c, systems, w, &r)
		if err != nil {
			return t, fmt.Errorf("%s: %w", r.name, err)
		}
		native, qemu, first, later, without := times[0], times[1], times[2], times[3], times[4]
		t.rows = append(t.rows, []string{
			r.fullName(), ms(native), ms(first), ms(later), ms(without),
			factor(ratio(later, first)), factor(ratio(first, without)), factor(ratio(qemu, first)),
		})
	}
	return t, emptyCache(w.files[guest])
}

// firstAndLater returns the least times of a row: native, of the last system, and of hospes with an empty directory, with what that run has left
// there, and without.
func firstAndLater(c *config, systems []system, w *world, r *row) (least [5]time.Duration, err error) {
	once := *r
	once.repeat = false
	if r.repeat {
		once.count = 1
	}
	without := systems[1]
	without.env = append(slices.Clone(without.env), cacheVariable+"=off")
	order := []*system{&systems[0], &systems[len(systems)-1], &systems[1], &systems[1], &without}
	for n := range c.rounds {
		progress("special/cache: %s %d", r.name, n)
		err = emptyCache(w.files[guest])
		for k, s := range order {
			took, _, e := once.run(c, s, w)
			err = errors.Join(err, e)
			d := took.User
			if r.wall {
				d = took.Wall
			}
			if n == 0 || d < least[k] {
				least[k] = d
			}
		}
		if err != nil {
			break
		}
	}
	return least, err
}
