// Command maps fills Go's maps, sorts slices through interfaces and functions, and builds strings.
package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"sort"
	"strconv"
	"strings"
)

type pair struct {
	word  string
	count int
}

type byWord []pair

func (p byWord) Len() int           { return len(p) }
func (p byWord) Less(i, k int) bool { return p[i].word < p[k].word }
func (p byWord) Swap(i, k int)      { p[i], p[k] = p[k], p[i] }

func main() {
	scale, _ := strconv.Atoi(os.Args[1])
	seed, sum := uint32(1), uint64(0)
	for range scale * 12 {
		var text strings.Builder
		for range 12000 {
			seed = seed*1664525 + 1013904223
			text.WriteString("w")
			text.WriteString(strconv.Itoa(int(seed >> 20)))
			text.WriteByte(' ')
		}
		count := map[string]int{}
		for _, w := range strings.Fields(text.String()) {
			count[w]++
		}
		var pairs []pair
		for w, n := range count {
			pairs = append(pairs, pair{w, n})
		}
		sort.Sort(byWord(pairs))
		slices.SortStableFunc(pairs, func(a, b pair) int { return cmp.Compare(b.count, a.count) })
		for i, p := range pairs {
			sum = sum*31 + uint64(i*p.count+len(p.word)) + uint64(p.word[len(p.word)-1])
		}
	}
	fmt.Printf("%016x\n", sum)
}
