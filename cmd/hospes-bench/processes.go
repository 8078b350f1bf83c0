package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// processRow is a command that makes many processes.
type processRow struct {
	name  string
	count int      // how many processes it makes
	argv  []string // "$N" is the count, "$P" the program bench/processes/process.c
}

var processRows = []processRow{
	{"bash: for ... do /bin/true", 50, []string{"/bin/bash", "-c", "for i in $(seq $N); do /bin/true; done"}},
	{"bash: $(echo)", 50, []string{"/bin/bash", "-c", "for i in $(seq $N); do x=$(echo $i); done"}},
	{"fork and wait", 200, []string{"$P", "fork", "$N"}},
	{"posix_spawn, static", 50, []string{"$P", "spawn", "$N", "$P"}},
	{"posix_spawn, dynamic", 50, []string{"$P", "spawn", "$N", "/bin/true"}},
}

// command is what runs the row, with the program at path.
func (r *processRow) command(path string) []string {
	var argv []string
	for _, a := range r.argv {
		argv = append(argv, strings.NewReplacer("$N", strconv.Itoa(r.count), "$P", path).Replace(a))
	}
	return argv
}

// The guest's programs run in the Debian root, as its own. What they execute is started
// by the kernel's binfmt_misc, of which a user namespace has one of its own: so nothing
// of the machine is changed, and each emulator is started in the same way. The time
// counts from "begin".
const namespaceScript = `
set -e
mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
printf '%s' "$MAGIC" >/proc/sys/fs/binfmt_misc/register
mount --bind "$BUILD" "$ROOT/tmp"
mount --rbind /dev "$ROOT/dev"
mount --rbind /proc "$ROOT/proc"
echo begin
exec chroot "$ROOT" "$@"
`

// magic registers an interpreter of riscv64 programs: executables, and shared objects,
// which is what position-independent executables are.
func magic(interpreter string) string {
	return `:guest:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xf3\x00:` +
		`\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:` + interpreter + `:F`
}

const programName = "process"

// runProcesses measures the rows, round by round, and reports.
func runProcesses(c *config, w io.Writer) error {
	root, err := c.debianRoot()
	if err != nil {
		return err
	}
	if c.qemu == defaultQEMU {
		// One that is linked statically: in the root are no libraries of the host.
		out, err := exec.Command("scripts/fetch-qemu.sh").Output()
		if err != nil {
			return fmt.Errorf("scripts/fetch-qemu.sh: %w", err)
		}
		c.qemu = strings.TrimSpace(string(out))
	}
	if err := compileProgram(c); err != nil {
		return err
	}
	sys := systems(c)
	times := make([][][]time.Duration, len(processRows))
	for i := range times {
		times[i] = make([][]time.Duration, len(sys))
	}
	for range c.rounds {
		for i := range processRows {
			for k, s := range sys {
				d, err := processRows[i].measure(c, root, s)
				if err != nil {
					return err
				}
				times[i][k] = append(times[i][k], d)
			}
		}
	}
	reportProcesses(w, sys, times)
	return nil
}

// debianRoot has the script of the userland tests provide one.
func (c *config) debianRoot() (string, error) {
	if c.root != "" {
		return filepath.Abs(c.root)
	}
	cmd := exec.Command("scripts/debian-rootfs.sh")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

func compileProgram(c *config) error {
	src := filepath.Join(c.src, "processes", programName+".c")
	if err := os.MkdirAll(c.build, 0o755); err != nil {
		return err
	}
	for cc, suffix := range map[string]string{"gcc": native, "riscv64-linux-gnu-gcc": guest} {
		out := filepath.Join(c.build, programName+suffix)
		if fresh(out, src) {
			continue
		}
		if msg, err := exec.Command(cc, "-O2", "-static", "-o", out, src).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", src, err, msg)
		}
	}
	return nil
}

// measure returns the time per process.
func (r *processRow) measure(c *config, root string, s system) (time.Duration, error) {
	build, err := filepath.Abs(c.build)
	if err != nil {
		return 0, err
	}
	var cmd *exec.Cmd
	if s.command == nil {
		argv := r.command(filepath.Join(build, programName+native))
		cmd = exec.Command(argv[0], argv[1:]...)
	} else {
		emulator, err := exec.LookPath(s.command[0])
		if err == nil {
			emulator, err = filepath.Abs(emulator)
		}
		if err != nil {
			return 0, err
		}
		argv := r.command("/tmp/" + programName + guest)
		cmd = exec.Command("unshare", append([]string{"--user", "--map-root-user", "--mount", "sh", "-c", namespaceScript, "sh"}, argv...)...)
		cmd.Env = append(os.Environ(), "ROOT="+root, "BUILD="+build, "MAGIC="+magic(emulator))
	}
	d, err := elapsed(cmd, s.command != nil)
	return d / time.Duration(r.count), err
}

// elapsed runs a command, and returns how long it took, from its first line of output if
// there is one to come.
func elapsed(cmd *exec.Cmd, line bool) (time.Duration, error) {
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	if line {
		_, err = out.Read(make([]byte, 16))
		start = time.Now()
	}
	if err == nil {
		_, err = io.Copy(io.Discard, out)
	}
	if err := errors.Join(err, cmd.Wait()); err != nil {
		return 0, fmt.Errorf("%v: %w\n%s", cmd.Args, err, errs.String())
	}
	return time.Since(start), nil
}

// reportProcesses prints a row per command: the time per process, and the ratio of
// hospes to QEMU, which should not exceed 1.2.
func reportProcesses(w io.Writer, sys []system, times [][][]time.Duration) {
	fmt.Fprintf(w, "%s; median time per process, x = hospes relative to QEMU\n\n", machine())
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "processes\t")
	for _, s := range sys {
		fmt.Fprintf(t, "%s ms\t", s.name)
	}
	fmt.Fprint(t, "x\t\n")
	for i := range processRows {
		fmt.Fprintf(t, "%s\t", processRows[i].name)
		for k := range sys {
			fmt.Fprintf(t, "%.2f\t", ms(median(times[i][k])))
		}
		x := "-"
		if len(sys) > 2 {
			x = fmt.Sprintf("%.2f", float64(median(times[i][1]))/float64(median(times[i][2])))
		}
		fmt.Fprintf(t, "%s\t\n", x)
	}
	t.Flush()
}
