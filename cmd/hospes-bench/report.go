package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// table is a part of the report.
type table struct {
	title  string
	header []string
	rows   [][]string
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

// tables makes the report.
func tables(systems []system, results []*result) []table {
	rival := systems[2].name
	t := table{
		title:  machine() + ". User CPU time, medians.",
		header: []string{"program", "native ms", "hospes ms", rival + " ms", "hospes/native", rival + "/hospes", ""},
	}
	for _, r := range results {
		t.rows = append(t.rows, r.line(rival))
	}
	means := table{
		title:  "Geometric means",
		header: []string{"group", "programs", "hospes/native", rival + "/hospes"},
	}
	for _, g := range groups(results) {
		means.rows = append(means.rows, meanLine(g, rival, results))
	}
	return []table{t, means}
}

// line is the row of a result.
func (r *result) line(rival string) []string {
	n, h, q := r.user("native"), r.user("hospes"), r.user(rival)
	mark := ""
	switch {
	case r.Wrong["hospes"] != "":
		mark = "wrong"
	case r.Wrong[rival] != "":
		mark = rival + " wrong"
	case q > 0 && ratio(q, h) < 1:
		mark = "slower"
	}
	return []string{r.Group + "/" + r.Name, ms(n), ms(h), ms(q), factor(ratio(h, n)), factor(ratio(q, h)), mark}
}

// meanLine is the row of a group.
func meanLine(group, rival string, results []*result) []string {
	var toNative, toRival []float64
	n := 0
	for _, r := range results {
		if r.Group == group {
			n++
			toNative = append(toNative, ratio(r.user("hospes"), r.user("native")))
			toRival = append(toRival, ratio(r.user(rival), r.user("hospes")))
		}
	}
	return []string{group, fmt.Sprint(n), factor(mean(toNative)), factor(mean(toRival))}
}

// user is a system's median user time; 0 if there is none.
func (r *result) user(system string) time.Duration {
	var times []time.Duration
	for _, s := range r.Samples[system] {
		times = append(times, s.User)
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
	if d == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f", float64(d)/float64(time.Millisecond))
}

func factor(f float64) string {
	if f == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", f)
}

// machine says what the figures were measured on.
func machine() string {
	model := "unknown processor"
	info, _ := os.ReadFile("/proc/cpuinfo") // absent on other systems
	if m := regexp.MustCompile(`(?m)^model name\s*: (.*)$`).FindSubmatch(info); m != nil {
		model = string(m[1])
	}
	return fmt.Sprintf("%s, %d CPUs", model, runtime.NumCPU())
}
