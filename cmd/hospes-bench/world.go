package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// world is where Debian's programs run: a root of Debian of each architecture, with the files
// that they work on in /tmp.
type world struct {
	root, files map[string]string // directories by suffix of the architecture
}

// job is a program to run in a world of its own.
type job struct {
	Root     string // of Debian
	Files    string // becomes /tmp, the current directory
	Emulator string // is registered as the kernel's interpreter of riscv64 programs; or empty
	Argv     []string
	Env      []string
	Times    int // how often
}

// jobVariable of the environment has this program carry out a job.
const jobVariable = "HOSPES_BENCH_JOB"

// newWorld unpacks Debian, and writes the files. It needs user namespaces that have a binfmt_misc of their own (Linux 6.7).
func newWorld(c *config, systems []system) (*world, error) {
	w := &world{map[string]string{}, map[string]string{}}
	for suffix, arch := range map[string]string{native: "amd64", guest: "riscv64"} {
		root, err := script("debian-rootfs.sh", append([]string{"-a", arch}, packages...)...)
		if err != nil {
			return nil, err
		}
		files, err := filepath.Abs(filepath.Join(c.build, "world"+suffix))
		if err != nil {
			return nil, err
		}
		w.root[suffix], w.files[suffix] = root, files
		if err := os.MkdirAll(files, 0o755); err != nil {
			return nil, err
		}
		if err := errors.Join(writeInputs(files), emptyCache(files)); err != nil {
			return nil, err
		}
		program, err := os.ReadFile(filepath.Join(c.build, "process"+suffix))
		if err == nil {
			err = os.WriteFile(filepath.Join(files, "process"), program, 0o755)
		}
		if err != nil {
			return nil, err
		}
	}
	try := row{argv: []string{"/usr/bin/true"}}
	for i := range systems {
		if _, _, err := w.run(&systems[i], &try); err != nil {
			return nil, fmt.Errorf("%s cannot run a program in namespaces: %w", systems[i].name, err)
		}
	}
	return w, nil
}

// run runs one of Debian's programs on a system.
func (w *world) run(s *system, r *row) (sample, output, error) {
	j := job{
		Root: w.root[s.suffix], Files: w.files[s.suffix], Argv: r.command(), Times: 1,
		Env: append([]string{"PATH=/usr/bin:/bin", "HOME=/tmp", "TMPDIR=/tmp", "LC_ALL=C.UTF-8", "TZ=UTC"}, s.environment("/tmp")...),
	}
	if len(s.command) > 0 {
		j.Emulator = s.command[0]
	}
	if r.repeat {
		j.Times = r.count
	}
	text, err := json.Marshal(j)
	if err != nil {
		return sample{}, output{}, err
	}
	report, pipe, err := os.Pipe()
	if err != nil {
		return sample{}, output{}, err
	}
	defer report.Close()
	cmd := worldCommand()
	cmd.Env = append(os.Environ(), jobVariable+"="+string(text))
	cmd.ExtraFiles = []*os.File{pipe}
	_, out, err := timed(cmd)
	pipe.Close()
	var took sample
	if err == nil {
		err = json.NewDecoder(report).Decode(&took)
	}
	return took, out, err
}

// doJob carries out the job that the environment has, if it has one, and reports whether so.
func doJob() (bool, error) {
	text, ok := os.LookupEnv(jobVariable)
	if !ok {
		return false, nil
	}
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		return true, err
	}
	if err := j.enter(); err != nil {
		return true, err
	}
	var all sample
	for range j.Times {
		cmd := j.command()
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		took, err := clocked(cmd)
		if err != nil {
			return true, fmt.Errorf("%v: %w", j.Argv, err)
		}
		all.add(took)
	}
	pipe := os.NewFile(3, "pipe")
	return true, errors.Join(json.NewEncoder(pipe).Encode(all), pipe.Close())
}

// magic registers an interpreter of riscv64 programs: executables, and shared objects, which
// is what position-independent executables are.
func magic(interpreter string) string {
	return `:guest:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xf3\x00:` +
		`\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:` + interpreter + `:F`
}
