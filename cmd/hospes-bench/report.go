package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
	"time"
)

// report prints a row per program and the geometric means per group.
func report(w io.Writer, sys []system, results []result) {
	fmt.Fprintf(w, "%s; median user CPU time, x = relative to native\n\n", machine())
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "group\tprogram\t")
	for i, s := range sys {
		fmt.Fprintf(t, "%s ms\t", s.name)
		if i > 0 {
			fmt.Fprint(t, "x\t")
		}
	}
	fmt.Fprint(t, "guest MIPS\t\n")
	for i := range results {
		row(t, &results[i])
	}
	for _, g := range groups(results) {
		mean(t, g, sys, results)
	}
	mean(t, "", sys, results)
	t.Flush()
}

func row(w io.Writer, r *result) {
	base := median(r.times[0])
	fmt.Fprintf(w, "%s\t%s\t%.0f\t", r.group, r.name, ms(base))
	for _, times := range r.times[1:] {
		m := median(times)
		fmt.Fprintf(w, "%.0f\t%.1f\t", ms(m), ratio(m, base))
	}
	fmt.Fprintf(w, "%s\t\n", mips(r.instructions, median(r.times[1])))
}

// mean prints geometric means of the ratios over one group, or over all for "".
func mean(w io.Writer, group string, sys []system, results []result) {
	name := group
	if group == "" {
		name = "all"
	}
	fmt.Fprintf(w, "%s\tgeometric mean\t\t", name)
	var instructions float64
	var busy time.Duration
	for i := 1; i < len(sys); i++ {
		sum, n := 0.0, 0
		for _, r := range results {
			if group != "" && r.group != group {
				continue
			}
			sum += math.Log(ratio(median(r.times[i]), median(r.times[0])))
			n++
			if i == 1 && r.instructions > 0 {
				instructions += r.instructions
				busy += median(r.times[1])
			}
		}
		fmt.Fprintf(w, "\t%.1f\t", math.Exp(sum/float64(n)))
	}
	fmt.Fprintf(w, "%s\t\n", mips(instructions, busy))
}

// groups are the results' groups in their order.
func groups(results []result) []string {
	var g []string
	for _, r := range results {
		if !slices.Contains(g, r.group) {
			g = append(g, r.group)
		}
	}
	return g
}

// median of an odd or even number of times, at least one.
func median(times []time.Duration) time.Duration {
	s := slices.Sorted(slices.Values(times))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// ratio is d relative to base; below a millisecond the kernel's accounting means nothing.
func ratio(d, base time.Duration) float64 {
	return float64(max(d, time.Millisecond)) / float64(max(base, time.Millisecond))
}

// mips is millions of instructions per second, or "-" if they were not counted.
func mips(instructions float64, d time.Duration) string {
	if instructions == 0 || d <= 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f", instructions/d.Seconds()/1e6)
}
