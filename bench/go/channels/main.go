// Command channels passes numbers through a pipeline of goroutines, and shares work among some
// with a mutex and a wait group: the scheduler's work, and the futex's.
package main

import (
	"fmt"
	"os"
	"strconv"
	"sync"
)

func stage(in <-chan uint64, k uint64) <-chan uint64 {
	out := make(chan uint64, 16)
	go func() {
		defer close(out)
		for n := range in {
			out <- n*k + 1
		}
	}()
	return out
}

func main() {
	scale, _ := strconv.Atoi(os.Args[1])
	source := make(chan uint64)
	go func() {
		defer close(source)
		for i := range scale * 80000 {
			source <- uint64(i)
		}
	}()
	var sum uint64
	for n := range stage(stage(stage(source, 3), 5), 7) {
		sum = sum*31 + n
	}
	var lock sync.Mutex
	var group sync.WaitGroup
	shared := map[uint64]uint64{}
	for g := range 8 {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := range scale * 15000 {
				lock.Lock()
				shared[uint64(i*g)%97]++
				lock.Unlock()
			}
		}()
	}
	group.Wait()
	for k, n := range shared {
		sum += k * n
	}
	fmt.Printf("%016x\n", sum)
}
