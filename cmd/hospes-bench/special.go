package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// special is something to measure that is no row.
type special struct {
	name    string
	world   bool // it needs the world
	measure func(c *config, systems []system, w *world) (table, error)
}

var specials = []special{
	{"special/resident", false, resident},
	{"special/latency", false, latency},
	{"special/poll", false, pollCost},
	{"special/translation", true, translation},
	{"special/cache", true, firstRuns},
	{"special/mappings", false, mappings},
	{"special/native-lib", true, nativeLib},
}

// measureSpecial adds the tables of those that are asked for.
func measureSpecial(c *config, systems []system, w *world, tables []table) ([]table, error) {
	var errs []error
	for _, s := range specials {
		if !c.filter.MatchString(s.name) || s.world && w == nil {
			continue
		}
		progress("%s", s.name)
		t, err := s.measure(c, systems, w)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.name, err))
			continue
		}
		t.whole = true
		tables = append(tables, t)
	}
	progress("")
	return tables, errors.Join(errs...)
}

// running is a program of ours that waits to be dealt with.
type running struct {
	*exec.Cmd
	in  io.Closer
	out io.Reader
}

// launch starts a program of bench/system.
func (s *system) launch(c *config, name string, args ...string) (*running, error) {
	cmd := s.start(c, &row{source: "system/" + name, args: args})
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &running{cmd, in, out}, cmd.Start()
}

// resident measures the memory of a program that waits for input.
func resident(c *config, systems []system, _ *world) (table, error) {
	t := table{key: "resident", title: "Memory of a static hello: most of it resident at a time, in MiB (goal for hospes: below 40).", header: []string{"system", "MiB"}}
	for i := range systems {
		p, err := systems[i].launch(c, "hello.c", "wait")
		if err != nil {
			return t, err
		}
		_, err = io.ReadFull(p.out, make([]byte, len("hello\n")))
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Process.Pid)) // empty has no match
		p.in.Close()
		if err := errors.Join(err, p.Wait()); err != nil {
			return t, fmt.Errorf("%s: %w", systems[i].name, err)
		}
		m := regexp.MustCompile(`VmHWM:\s*(\d+) kB`).FindSubmatch(status)
		if m == nil {
			return t, errors.New("no VmHWM in /proc/PID/status")
		}
		kb, _ := strconv.ParseFloat(string(m[1]), 64) // digits only
		t.rows = append(t.rows, []string{systems[i].name, fmt.Sprintf("%.1f", kb/1024)})
	}
	return t, nil
}

// latency measures how long after kill(2) a handler of the guest runs, in hot code.
func latency(c *config, systems []system, _ *world) (table, error) {
	t := table{
		key: "latency", title: "From the host's kill(2) to the guest's handler, in hot code that is chained to itself, in microseconds (goal for hospes: median below 200).",
		header: []string{"system", "code", "signals", "median", "90 %", "99 %", "most"},
	}
	for _, code := range []string{"loop", "calls"} {
		for i := range systems {
			times, err := systems[i].latency(c, code, 200*c.rounds)
			if err != nil {
				return t, fmt.Errorf("%s: %w", systems[i].name, err)
			}
			slices.Sort(times)
			at := func(part float64) string {
				return fmt.Sprintf("%.0f", float64(times[int(part*float64(len(times)-1))])/1e3)
			}
			t.rows = append(t.rows, []string{systems[i].name, code, strconv.Itoa(len(times)), at(0.5), at(0.9), at(0.99), at(1)})
		}
	}
	return t, nil
}

// latency sends n signals to the program, each some time after the last one was handled.
func (s *system) latency(c *config, code string, n int) ([]time.Duration, error) {
	p, err := s.launch(c, "latency.c", code)
	if err != nil {
		return nil, err
	}
	defer p.Wait() // it was killed
	defer p.Process.Kill()
	hangs := time.AfterFunc(limit, func() { p.Process.Kill() })
	defer hangs.Stop()
	random := rand.New(rand.NewPCG(1, 2))
	var handled int64
	if err := binary.Read(p.out, binary.LittleEndian, &handled); err != nil { // it is ready
		return nil, err
	}
	var times []time.Duration
	for range n {
		time.Sleep(time.Millisecond + time.Duration(random.IntN(2000))*time.Microsecond)
		sent := monotonic()
		if err := interrupt(p.Process); err != nil {
			return nil, err
		}
		if err := binary.Read(p.out, binary.LittleEndian, &handled); err != nil {
			return nil, err
		}
		times = append(times, time.Duration(handled-sent))
	}
	return times, nil
}

// pollPrograms are hot loops, from three instructions on.
var pollPrograms = []string{"spin", "loop", "sieve", "sort", "crc", "fib", "interp", "mandelbrot", "stream"}

// pollCost compares hospes with one whose translations do not look at the interrupt word, run
// by run.
func pollCost(c *config, systems []system, _ *world) (table, error) {
	t := table{
		key: "poll", title: "The cost of interruptibility: hospes beside one that was built without the poll (goal: below 2 %). The least user CPU time of three times as many runs as rounds.",
		header: []string{"program", "with ms", "without ms", "cost"},
	}
	without, err := withoutPoll(c, &systems[1])
	if err != nil {
		return t, err
	}
	rows := slices.DeleteFunc(slices.Concat(programs, []row{{name: "spin", source: "system/spin.c", args: []string{strconv.Itoa(c.scale)}}}), func(r row) bool {
		return !slices.Contains(pollPrograms, r.name)
	})
	if err := compile(c, rows); err != nil {
		return t, err
	}
	var all []float64
	for i := range rows {
		with, without, err := leastTimes(c, nil, "poll", [2]*system{&systems[1], without}, &rows[i], 3*c.rounds)
		if err != nil {
			return t, err
		}
		all = append(all, ratio(with, without))
		t.rows = append(t.rows, []string{rows[i].name, ms(with), ms(without), percent(ratio(with, without))})
	}
	t.rows = append(t.rows, []string{"geometric mean", "", "", percent(mean(all))})
	return t, nil
}

func percent(ratio float64) string { return fmt.Sprintf("%+.1f %%", 100*(ratio-1)) }

// withoutPoll builds a hospes without the poll.
func withoutPoll(c *config, with *system) (*system, error) {
	out, err := filepath.Abs(filepath.Join(c.build, "hospes-nopoll"))
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("go", "build", "-trimpath", "-tags", "nopoll", "-o", out, "./cmd/hospes")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if msg, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, msg)
	}
	return &system{"without poll", []string{out}, with.env, with.suffix}, nil
}

// translated are rows whose translation is looked at.
var translated = []string{"loop", "go-json", "c++-containers", "sqlite3", "python3", "gcc -c, 2,000 lines"}

// statsLines are what --stats prints of each process.
var (
	codeLine  = regexp.MustCompile(`(?m)^code: (\d+) guest instructions, (\d+) bytes, became (\d+) host bytes`)
	stageLine = regexp.MustCompile(`(?m)^stages: lift ([\d.]+) ms, compile ([\d.]+) ms, install ([\d.]+) ms`)
)

// translation reads what hospes says of its translations.
func translation(c *config, systems []system, w *world) (table, error) {
	t := table{
		key: "translation", title: "Translating, all stages of it (lifting, compiling, entering into the code cache). It includes waiting for a processor.",
		header: []string{"program", "guest instructions", "ms", "instructions per second", "host bytes per guest byte", "per instruction"},
	}
	s := systems[1]
	s.env = append(slices.Clone(s.env), "HOSPES_STATS=1", cacheVariable+"=off")
	for _, r := range allRows() {
		if !slices.Contains(translated, r.name) {
			continue
		}
		if r.argv == nil {
			if err := compile(c, []row{r}); err != nil {
				return t, err
			}
		}
		_, out, err := r.run(c, &s, w)
		if err != nil {
			return t, fmt.Errorf("%s: %w", r.name, err)
		}
		cells, err := translationCells(string(out.stderr))
		if err != nil {
			return t, fmt.Errorf("%s: %w", r.name, err)
		}
		t.rows = append(t.rows, append([]string{r.group + "/" + r.name}, cells...))
	}
	return t, nil
}

// translationCells sums up what several processes have printed.
func translationCells(stats string) ([]string, error) {
	sum := func(line *regexp.Regexp) (s [3]float64) {
		for _, m := range line.FindAllStringSubmatch(stats, -1) {
			for i, digits := range m[1:] {
				f, _ := strconv.ParseFloat(digits, 64) // digits only
				s[i] += f
			}
		}
		return s
	}
	code, stages := sum(codeLine), sum(stageLine)
	took := stages[0] + stages[1] + stages[2]
	if code[0] == 0 || took == 0 {
		return nil, fmt.Errorf("nothing was translated: %s", excerpt([]byte(strings.TrimSpace(stats))))
	}
	return []string{
		fmt.Sprintf("%.0f", code[0]), fmt.Sprintf("%.1f", took), fmt.Sprintf("%.0f", code[0]/took*1000),
		factor(code[2] / code[1]), fmt.Sprintf("%.1f", code[2]/code[0]),
	}, nil
}
