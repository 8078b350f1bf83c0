package main

import "slices"

// memoryFile has the table of the mappings.
const memoryFile = "docs/memory.md"

// mappingKind is a way of hospes to map memory, or to do without keeping the guest from other
// memory.
type mappingKind struct {
	name string
	env  []string
}

var mappingKinds = []mappingKind{
	{"offset", []string{"HOSPES_MAPPING=offset"}},
	{"direct", []string{"HOSPES_MAPPING=direct"}},
	{"table", []string{"HOSPES_MAPPING=table"}},
	{"offset, not isolated", []string{"HOSPES_MAPPING=offset", "HOSPES_ISOLATE=off"}},
	{"direct, not isolated", []string{"HOSPES_MAPPING=direct", "HOSPES_ISOLATE=off"}},
}

// mappings measures our programs with each kind of memory mapping.
func mappings(c *config, systems []system, _ *world) (table, error) {
	t := table{
		key: "mappings", file: memoryFile,
		title:  "The memory mappings: user CPU time relative to native, and what isolation costs in the first two (goal: below 10 % of integer).",
		header: []string{"program", "native ms"},
	}
	list := []system{systems[0]}
	for _, k := range mappingKinds {
		list = append(list, system{k.name, systems[1].command, slices.Concat(systems[1].env, k.env), guest})
		t.header = append(t.header, k.name)
	}
	t.header = append(t.header, "isolation, offset", "isolation, direct")
	rows := slices.DeleteFunc(slices.Clone(programs), func(r row) bool { return r.group == threads })
	if err := compile(c, rows); err != nil {
		return t, err
	}
	results := measure(c, list, nil, rows)
	for _, r := range results {
		cells := []string{r.Group + "/" + r.Name, ms(r.figure(host))}
		t.rows = append(t.rows, append(cells, mappingCells([]*result{r})...))
	}
	for _, g := range groups(results) {
		of := slices.DeleteFunc(slices.Clone(results), func(r *result) bool { return r.Group != g })
		t.rows = append(t.rows, append([]string{g + ", geometric mean", ""}, mappingCells(of)...))
	}
	return t, wrong(results)
}

// mappingCells are the geometric means of some results.
func mappingCells(results []*result) (cells []string) {
	over := func(a, b string) float64 {
		var all []float64
		for _, r := range results {
			all = append(all, ratio(r.figure(a), r.figure(b)))
		}
		return mean(all)
	}
	for _, k := range mappingKinds {
		cells = append(cells, factor(over(k.name, host)))
	}
	for _, name := range []string{"offset", "direct"} {
		cells = append(cells, percent(over(name, name+", not isolated")))
	}
	return cells
}
