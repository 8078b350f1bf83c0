package main

import (
	"bytes"
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

func (s *sample) add(t sample) {
	s.User += t.User
	s.Sys += t.Sys
	s.Wall += t.Wall
}

// output is what a program printed.
type output struct{ stdout, stderr []byte }

// result is what was measured for one row.
type result struct {
	Group, Name string
	Samples     map[string][]sample // by system
	Wrong       map[string]string   // by system: how it failed
	wall        bool                // the figure is the time that went by
	want        map[string][]byte   // what the first system printed, by architecture if they differ
}

// limit ends a run that hangs.
const limit = 2 * time.Minute

// measure runs all rows, round by round, after one that does not count: by then there is what systems keep for later runs. A
// system that fails a row is not asked again.
func measure(c *config, systems []system, w *world, rows []row) []*result {
	var results []*result
	for _, r := range rows {
		results = append(results, &result{Group: r.group, Name: r.name, wall: r.wall, Samples: map[string][]sample{}, Wrong: map[string]string{}, want: map[string][]byte{}})
	}
	for round := range c.rounds + 1 {
		for i := range rows {
			for k := range systems {
				progress("round %d of %d: %s %s", round, c.rounds, rows[i].fullName(), systems[k].name)
				results[i].round(c, &systems[k], w, &rows[i], round > 0)
			}
		}
	}
	progress("")
	return results
}

// progress shows what is being done.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "\r%-78.78s", fmt.Sprintf(format, args...))
	if format == "" {
		fmt.Fprint(os.Stderr, "\r")
	}
}

// round runs a row once.
func (r *result) round(c *config, s *system, w *world, what *row, counts bool) {
	if r.Wrong[s.name] != "" {
		return
	}
	took, out, err := what.run(c, s, w)
	if err != nil {
		r.Wrong[s.name] = err.Error()
		return
	}
	same := ""
	if what.unlike {
		same = s.suffix
	}
	if want, ok := r.want[same]; !ok {
		r.want[same] = out.stdout
	} else if !bytes.Equal(out.stdout, want) {
		r.Wrong[s.name] = fmt.Sprintf("printed %s, not %s", excerpt(out.stdout), excerpt(want))
		return
	}
	if counts {
		r.Samples[s.name] = append(r.Samples[s.name], took)
	}
}

// run runs the row's program on a system. What it took is divided by the count.
func (r *row) run(c *config, s *system, w *world) (took sample, out output, err error) {
	switch {
	case r.argv != nil:
		took, out, err = w.run(s, r)
	case r.repeat:
		for range r.count {
			var one sample
			if one, out, err = timed(s.start(c, r)); err != nil {
				break
			}
			took.add(one)
		}
	default:
		took, out, err = timed(s.start(c, r))
	}
	n := time.Duration(max(r.count, 1))
	return sample{took.User / n, took.Sys / n, took.Wall / n}, out, err
}

// start is the command that runs one of our programs.
func (s *system) start(c *config, r *row) *exec.Cmd {
	argv := append(s.command[:len(s.command):len(s.command)], filepath.Join(c.build, r.program()+s.suffix))
	argv = append(argv, r.arguments(c)...)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), s.environment(c.build)...)
	return cmd
}

// timed runs a command to its end, and returns what it took and printed.
func timed(cmd *exec.Cmd) (sample, output, error) {
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.WaitDelay = time.Second // a grandchild may hold the pipes
	took, err := clocked(cmd)
	if err != nil {
		err = fmt.Errorf("%w %s", err, excerpt(errs.Bytes()))
	}
	return took, output{out.Bytes(), errs.Bytes()}, err
}

// clocked runs a command to its end.
func clocked(cmd *exec.Cmd) (sample, error) {
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return sample{}, err
	}
	hangs := time.AfterFunc(limit, func() { cmd.Process.Kill() })
	err := cmd.Wait()
	wall := time.Since(start)
	if !hangs.Stop() {
		err = fmt.Errorf("not finished after %v", limit)
	}
	p := cmd.ProcessState
	return sample{p.UserTime(), p.SystemTime(), wall}, err
}

// excerpt quotes the beginning of an output.
func excerpt(b []byte) string {
	const most = 300
	if len(b) > most {
		return fmt.Sprintf("%q... (%d bytes)", b[:most], len(b))
	}
	return fmt.Sprintf("%q", b)
}
