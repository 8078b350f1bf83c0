// Command json encodes and decodes JSON with Go's reflection.
package main

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"os"
	"strconv"
)

type record struct {
	ID    int               `json:"id"`
	Name  string            `json:"name"`
	Tags  []string          `json:"tags"`
	Attrs map[string]string `json:"attrs"`
	Next  *record           `json:"next,omitempty"`
}

func main() {
	scale, _ := strconv.Atoi(os.Args[1])
	h := fnv.New64a()
	for i := range scale * 400 {
		r := &record{ID: i, Name: "näme <" + strconv.Itoa(i) + ">", Tags: []string{"a", "b\n", "c"}, Attrs: map[string]string{}}
		for k := range 20 {
			r.Attrs["key"+strconv.Itoa(k*i)] = strconv.Itoa(k)
			r.Next = &record{ID: k, Tags: []string{strconv.Itoa(i)}, Next: r.Next}
		}
		b, err := json.Marshal(r)
		if err != nil {
			panic(err)
		}
		var back record
		var free any
		if err := json.Unmarshal(b, &back); err != nil {
			panic(err)
		}
		if err := json.Unmarshal(b, &free); err != nil {
			panic(err)
		}
		h.Write(b)
		fmt.Fprint(h, back.Next.ID, len(free.(map[string]any)))
	}
	fmt.Printf("%016x\n", h.Sum64())
}
