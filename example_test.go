//go:build linux

package hospes_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/hospes-vm/hospes"
)

// plugin is the program of the examples. Its source is testdata/embed/plugin.c.
const plugin = "testdata/embed/plugin.elf"

// goFunctions are those that the plugin imports.
var goFunctions = map[string]any{
	"print": func(text string) int { fmt.Println(text); return 0 },
	"price": func(item string) float64 { return float64(len(item)) / 2 },
}

// A program is loaded once and run in instances of its own, each with what its options give it.
func Example() {
	m, err := hospes.OpenModule(plugin)
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	for _, name := range []string{"Ada", "Grace"} {
		i, err := m.Instantiate(hospes.Options{
			Args:      []string{"plugin", "hello", name},
			Stdout:    os.Stdout,
			Functions: goFunctions,
		})
		if err != nil {
			log.Fatal(err)
		}
		if err := i.Run(context.Background()); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// hello
	// Ada
	// hello
	// Grace
}

// Functions of a program are called by their symbols, with the program's memory as calls before have left it.
func ExampleInstance_Call() {
	m, err := hospes.OpenModule(plugin)
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	i, err := m.Instantiate(hospes.Options{Functions: goFunctions})
	if err != nil {
		log.Fatal(err)
	}
	defer i.Close()
	ctx := context.Background()
	if err := i.Start(ctx); err != nil { // up to hospes_wait
		log.Fatal(err)
	}
	sum, err := i.Call(ctx, "add", 40, 2)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(sum.Int())

	buffer, err := i.Symbol("buffer")
	if err != nil {
		log.Fatal(err)
	}
	if err := i.Memory().Write(buffer, []byte("some text\x00")); err != nil {
		log.Fatal(err)
	}
	n, err := i.Call(ctx, "upper")
	if err != nil {
		log.Fatal(err)
	}
	text, err := i.Memory().ReadString(buffer, 256)
	fmt.Println(n.Int(), text, err)
	// Output:
	// 42
	// 9 SOME TEXT <nil>
}

// Go functions are called by the guest under the names that hospes.h has declared there.
func ExampleCaller() {
	m, err := hospes.OpenModule(plugin)
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	fmt.Println("imports:", m.Imports())
	asked := 0
	i, err := m.Instantiate(hospes.Options{Functions: map[string]any{
		"print": func(*hospes.Caller, string) int { return 0 },
		"price": func(c *hospes.Caller, item string) (float64, error) {
			asked++
			if err := c.Context().Err(); err != nil {
				return 0, err // which ends the guest
			}
			twice, err := c.Call("add", len(item), len(item)) // back in the guest
			return float64(twice.Int()) / 4, err
		},
	}})
	if err != nil {
		log.Fatal(err)
	}
	defer i.Close()
	total, err := i.Call(context.Background(), "total", 3)
	fmt.Println(total.Float64(), asked, err)
	// Output:
	// imports: [price print]
	// 7 3 <nil>
}

// What a guest may use is limited, and errors say what has ended it.
func ExampleLimits() {
	m, err := hospes.OpenModule(plugin)
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	call := func(o hospes.Options, function string, args ...any) error {
		o.Functions = goFunctions
		i, err := m.Instantiate(o)
		if err != nil {
			return err
		}
		defer i.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		_, err = i.Call(ctx, function, args...)
		return err
	}

	err = call(hospes.Options{}, "forever")
	fmt.Println(errors.Is(err, context.DeadlineExceeded))

	err = call(hospes.Options{Limits: hospes.Limits{Instructions: 1000}}, "forever")
	var limit *hospes.LimitError
	fmt.Println(errors.As(err, &limit) && limit.Limit == hospes.InstructionLimit, err)

	err = call(hospes.Options{}, "wild", 0xbad000)
	var signal *hospes.SignalError
	if errors.As(err, &signal) && signal.Trap != nil {
		fmt.Printf("signal %d in %s, address %#x\n", signal.Signal, signal.Trap.Function, signal.Trap.Addr)
	}
	// Output:
	// true
	// true the limit on instructions has been reached
	// signal 11 in wild, address 0xbad000
}

// Time and randomness that are given make runs the same.
func ExampleFakeClock() {
	m, err := hospes.OpenModule(plugin)
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	run := func() string {
		var out strings.Builder
		i, err := m.Instantiate(hospes.Options{
			Args:   []string{"plugin", "always the same"},
			Stdout: &out,
			Clock:  hospes.NewFakeClock(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)),
			Rand:   rand.NewChaCha8([32]byte{1, 2, 3}),

			Functions: goFunctions,
		})
		if err != nil {
			log.Fatal(err)
		}
		if err := i.Run(context.Background()); err != nil {
			log.Fatal(err)
		}
		return out.String()
	}
	first, second := run(), run()
	fmt.Println(first == second)
	// Output:
	// true
}
