package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// sample is what one run took.
type sample struct {
	User time.Duration `json:"user_ns"` // with children that were waited for
	Sys  time.Duration `json:"sys_ns"`
	Wall time.Duration `json:"wall_ns"`
}

// result is what was measured for one row.
type result struct {
	Group, Name string
	Samples     map[string][]sample // by system
	Wrong       map[string]string   // by system: how it failed
	want        []byte              // what the first system printed
}

// limit ends a run that hangs.
const limit = 2 * time.Minute

// measure runs all rows, round by round. A system that fails a row is not asked again.
func measure(c *config, systems []system, rows []row) []*result {
	var results []*result
	for _, r := range rows {
		results = append(results, &result{Group: r.group, Name: r.name, Samples: map[string][]sample{}, Wrong: map[string]string{}})
	}
	for round := range c.rounds {
		for i := range rows {
			for k := range systems {
				fmt.Fprintf(os.Stderr, "\rround %d of %d: %-30s", round+1, c.rounds, rows[i].fullName()+" "+systems[k].name)
				results[i].add(c, &systems[k], &rows[i])
			}
		}
	}
	fmt.Fprintf(os.Stderr, "\r%50s\r", "")
	return results
}

// add runs a row once.
func (r *result) add(c *config, s *system, what *row) {
	if r.Wrong[s.name] != "" {
		return
	}
	took, out, err := what.run(c, s)
	switch {
	case err != nil:
		r.Wrong[s.name] = err.Error()
	case r.want == nil:
		r.want = out
	case !bytes.Equal(out, r.want):
		r.Wrong[s.name] = fmt.Sprintf("printed %s, not %s", excerpt(out), excerpt(r.want))
	}
	if r.Wrong[s.name] == "" {
		r.Samples[s.name] = append(r.Samples[s.name], took)
	}
}

// run runs the row's program on a system.
func (r *row) run(c *config, s *system) (sample, []byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	argv := append(s.command[:len(s.command):len(s.command)], filepath.Join(c.build, r.program()+s.suffix))
	argv = append(argv, r.arguments(c)...)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), s.env...)
	return timed(cmd)
}

// timed runs a command to its end, and returns what it took and printed.
func timed(cmd *exec.Cmd) (sample, []byte, error) {
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.WaitDelay = time.Second // a grandchild may hold the pipes
	start := time.Now()
	err := cmd.Run()
	wall := time.Since(start)
	if err != nil {
		return sample{}, nil, fmt.Errorf("%w %s", err, excerpt(errs.Bytes()))
	}
	p := cmd.ProcessState
	return sample{p.UserTime(), p.SystemTime(), wall}, out.Bytes(), nil
}

// excerpt quotes the beginning of an output.
func excerpt(b []byte) string {
	const most = 300
	if len(b) > most {
		return fmt.Sprintf("%q... (%d bytes)", b[:most], len(b))
	}
	return fmt.Sprintf("%q", b)
}
