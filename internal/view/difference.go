//go:build linux && amd64

package view

import (
	"fmt"
	"strings"

	"github.com/hospes-vm/hospes/internal/engine"
	"github.com/hospes-vm/hospes/internal/guest"
)

// Difference is the report of a block whose translation does not do what the interpreter
// does: what is different, and how the block looks.
//
//	hospes: check: the translation of block 0x10484 main+0x10 differs from the interpreter, after 2 instructions
//	                 before            interpreter       translation
//	  a0             0000000000000001  0000000000000002  0000000000000003
//	  0x2ab0e8       ................  00000000000000ff  00000000000000fe
//	block 0x10484 main+0x10: ...
//
// In memory, dots stand for bytes that have not been written.
func Difference(d *engine.Difference, o Options) string {
	w := differenceWriter{d: d, o: o}
	name := d.Name
	if name != "" {
		name = " " + name
	}
	w.line("hospes: check: the translation of block %#x%s differs from the interpreter, after %d instructions", d.PC, name, d.Insts)
	w.exit()
	w.row("", "before", "interpreter", "translation")
	w.registers()
	w.memory()
	return w.b.String() + Text(d.Translation, o)
}

type differenceWriter struct {
	d *engine.Difference
	o Options
	b strings.Builder
}

func (w *differenceWriter) line(format string, a ...any) { fmt.Fprintf(&w.b, format+"\n", a...) }

func (w *differenceWriter) row(what, before, want, got string) {
	w.line("%s", strings.TrimRight(fmt.Sprintf("  %-18s %-17s %-17s %s", what, before, want, got), " "))
}

// exit says how the interpreter has left if that was before the translation did.
func (w *differenceWriter) exit() {
	d := w.d
	if d.Done == d.Insts {
		return
	}
	how := "left"
	if d.Exit.Kind == guest.ExitTrap {
		how = fmt.Sprintf("trapped (signal %d, code %d, address %#x)", d.Exit.Trap.Signal, d.Exit.Trap.Code, d.Exit.Trap.Addr)
	}
	w.line("  the interpreter has %s after %d", how, d.Done)
}

// value writes a row if a value is different.
func (w *differenceWriter) value(what string, before, want, got uint64) {
	if want != got {
		hex := func(v uint64) string { return fmt.Sprintf("%016x", v) }
		w.row(what, hex(before), hex(want), hex(got))
	}
}

func (w *differenceWriter) registers() {
	before, want, got := &w.d.Before, &w.d.Want, &w.d.Got
	w.value("pc", before.PC, want.PC, got.PC)
	for n := range 32 {
		w.value(w.o.Register(n), before.X[n], want.X[n], got.X[n])
	}
	for n := range 32 {
		w.value(w.o.Register(32+n), before.F[n], want.F[n], got.F[n])
	}
	w.value("exception flags", uint64(before.Flags), uint64(want.Flags), uint64(got.Flags))
	w.value("rounding mode", uint64(before.Round), uint64(want.Round), uint64(got.Round))
	w.value("reserved bytes", before.Reserved, want.Reserved, got.Reserved)
	w.value("reserved address", before.ResAddr, want.ResAddr, got.ResAddr)
	w.value("reserved value", before.ResValue, want.ResValue, got.ResValue)
}

// memory writes a row for each word that is different: as a number, too, the highest byte
// first.
func (w *differenceWriter) memory() {
	for _, m := range w.d.Memory {
		w.row(fmt.Sprintf("%#x", m.Want.Addr), fmt.Sprintf("%016x", m.Want.Before), written(&m.Want), written(&m.Got))
	}
}

// written is a word with dots for what has not been written.
func written(w *engine.Word) string {
	var b strings.Builder
	for shift := 56; shift >= 0; shift -= 8 {
		if w.Mask>>shift&0xff == 0 {
			b.WriteString("..")
		} else {
			fmt.Fprintf(&b, "%02x", w.After>>shift&0xff)
		}
	}
	return b.String()
}
