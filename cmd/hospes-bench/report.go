package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// table is a part of the report.
type table struct {
	key    string // of its place in the documentation
	file   string // where that is, if it is not docFile
	title  string
	header []string
	rows   [][]string
	whole  bool // all that belongs to it was measured
}

// text prints the table for a terminal.
func (t *table) text(w io.Writer) {
	fmt.Fprintf(w, "%s\n\n", t.title)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range append([][]string{t.header}, t.rows...) {
		fmt.Fprintln(tw, strings.Join(r, "\t"))
	}
	tw.Flush()
	fmt.Fprintln(w)
}

// section is a table of some groups' rows.
type section struct {
	key, title string
	groups     []string
	both       bool // user CPU time and the time that went by
}

var sections = []section{
	{"programs", "Programs of our own: user CPU time.", []string{integer, float, memory, threads}, false},
	{"real", "Real programs: user CPU time.", []string{real}, false},
	{"short", "Short runs and processes: milliseconds each. The ratios of what ends or makes processes are of the time that goes by, the others of user CPU time.",
		[]string{shallow, processes}, true},
}

// goals are what each group's means should be: hospes/native at most, qemu/hospes at least;
// 0 for none.
var goals = map[string]struct{ native, qemu float64 }{
	integer: {1.8, 3.5}, float: {1.8, 7}, memory: {1.3, 0}, real: {1.8, 6},
}

// tablesOf makes the report of the results.
func tablesOf(systems []system, results []*result) []table {
	rival := systems[2].name
	var tables []table
	for _, s := range sections {
		if t := s.table(rival, results); len(t.rows) > 0 {
			tables = append(tables, t)
		}
	}
	if len(results) == 0 {
		return nil
	}
	means := table{
		key: "means", title: "Geometric means, and the least of the ratios to " + rival + ".",
		header: []string{"group", "programs", "hospes/native", "goal", rival + "/hospes", "goal", "least", "slower"},
		whole:  true,
	}
	for group := range goals {
		means.whole = means.whole && whole(results, group)
	}
	for _, g := range groups(results) {
		means.rows = append(means.rows, meanLine(g, rival, results))
	}
	tables = append(tables, means)
	if t, ok := scaling(systems, results); ok {
		tables = append(tables, t)
	}
	return tables
}

func (s *section) table(rival string, results []*result) table {
	t := table{key: s.key, title: s.title, header: []string{"program", "native ms", "hospes ms", rival + " ms"}}
	if s.both {
		t.header = []string{"program", "native user", "native wall", "hospes user", "hospes wall", rival + " user", rival + " wall"}
	}
	t.header = append(t.header, "hospes/native", rival+"/hospes", "")
	for _, r := range results {
		if slices.Contains(s.groups, r.Group) {
			t.rows = append(t.rows, r.line(rival, s.both))
		}
	}
	t.whole = whole(results, s.groups...)
	return t
}

// whole reports whether there are results for all rows of some groups.
func whole(results []*result, groups ...string) bool {
	n := 0
	for _, r := range results {
		if slices.Contains(groups, r.Group) {
			n++
		}
	}
	for _, r := range allRows() {
		if slices.Contains(groups, r.group) {
			n--
		}
	}
	return n == 0
}

// line is the row of a result.
func (r *result) line(rival string, both bool) []string {
	cells := []string{r.Group + "/" + r.Name}
	for _, system := range []string{host, ours, rival} {
		cells = append(cells, ms(r.median(system, sample.user)))
		if both {
			cells = append(cells, ms(r.median(system, sample.wall)))
		}
	}
	n, h, q := r.figure(host), r.figure(ours), r.figure(rival)
	mark := ""
	switch {
	case r.Wrong[ours] != "":
		mark = "wrong"
	case r.Wrong[host] != "" || r.Wrong[rival] != "":
		mark = "not comparable"
	case q < h:
		mark = "slower than " + rival
	}
	return append(cells, factor(ratio(h, n)), factor(ratio(q, h)), mark)
}

// meanLine is the row of a group.
func meanLine(group, rival string, results []*result) []string {
	var toNative, toRival []float64
	n, slower, least := 0, 0, math.Inf(1)
	for _, r := range results {
		if r.Group != group {
			continue
		}
		n++
		toNative = append(toNative, ratio(r.figure(ours), r.figure(host)))
		f := ratio(r.figure(rival), r.figure(ours))
		toRival = append(toRival, f)
		if f > 0 {
			least = min(least, f)
			if f < 1 {
				slower++
			}
		}
	}
	if math.IsInf(least, 1) {
		least = 0
	}
	goal := goals[group]
	return []string{group, fmt.Sprint(n), factor(mean(toNative)), factor(goal.native), factor(mean(toRival)), factor(goal.qemu), factor(least), fmt.Sprint(slower)}
}

// scaling compares the same work on one and on two threads.
func scaling(systems []system, results []*result) (table, bool) {
	t := table{key: "threads", title: "The same work by one thread and by two: time that goes by.", header: []string{"system", "one ms", "two ms", "speed-up"}, whole: true}
	find := func(name string) *result {
		i := slices.IndexFunc(results, func(r *result) bool { return r.Group == threads && r.Name == name })
		if i < 0 {
			return nil
		}
		return results[i]
	}
	one, two := find("one"), find("two")
	if one == nil || two == nil {
		return t, false
	}
	for _, s := range systems {
		a, b := one.median(s.name, sample.wall), two.median(s.name, sample.wall)
		t.rows = append(t.rows, []string{s.name, ms(a), ms(b), factor(ratio(a, b))})
	}
	return t, true
}

func (s sample) user() time.Duration { return s.User }
func (s sample) wall() time.Duration { return s.Wall }

// figure is what counts of a result, for a system; 0 if there is none.
func (r *result) figure(system string) time.Duration {
	if r.wall {
		return r.median(system, sample.wall)
	}
	return r.median(system, sample.user)
}

func (r *result) median(system string, what func(sample) time.Duration) time.Duration {
	var times []time.Duration
	for _, s := range r.Samples[system] {
		times = append(times, what(s))
	}
	return median(times)
}

// groups are the results' groups in their order.
func groups(results []*result) []string {
	var g []string
	for _, r := range results {
		if !slices.Contains(g, r.Group) {
			g = append(g, r.Group)
		}
	}
	return g
}

// mean is the geometric one, of the values that there are; 0 if there are none.
func mean(values []float64) float64 {
	sum, n := 0.0, 0
	for _, v := range values {
		if v > 0 {
			sum += math.Log(v)
			n++
		}
	}
	if n == 0 {
		return 0
	}
	return math.Exp(sum / float64(n))
}

// median is 0 if there are no times.
func median(times []time.Duration) time.Duration {
	if len(times) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(times))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// ratio is d relative to base; 0 if one is missing.
func ratio(d, base time.Duration) float64 {
	if d == 0 || base == 0 {
		return 0
	}
	return float64(d) / float64(base)
}

func ms(d time.Duration) string {
	n := float64(d) / float64(time.Millisecond)
	switch {
	case d == 0:
		return "-"
	case n < 20:
		return fmt.Sprintf("%.2f", n)
	}
	return fmt.Sprintf("%.0f", n)
}

func factor(f float64) string {
	if f == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", f)
}

// conditions says what was measured on what.
func conditions(c *config) string {
	model := "unknown processor"
	info, _ := os.ReadFile("/proc/cpuinfo") // absent on other systems
	if m := regexp.MustCompile(`(?m)^model name\s*: (.*)$`).FindSubmatch(info); m != nil {
		model = string(m[1])
	}
	s := fmt.Sprintf("%s, %d CPUs; %d rounds, medians", model, runtime.NumCPU(), c.rounds)
	if len(c.options) > 0 {
		s += "; hospes with " + strings.Join(c.options, " ")
	}
	if c.old == "" {
		out, _ := exec.Command(c.qemu, "--version").Output()
		first, _, _ := strings.Cut(string(out), "\n")
		s += "; " + first
	}
	return s + "."
}
