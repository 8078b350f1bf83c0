package hospes

import (
	"fmt"
	"strings"
	"time"

	"github.com/hospes-vm/hospes/stats"
)

// Stats are counters of a process, from its start, or the fork that made it, to its end.
type Stats struct {
	PID int
	// Instructions is the number of guest instructions that were executed, by all threads;
	// with a translator, of those that were interpreted.
	Instructions uint64
	// Elapsed is how long it took.
	Elapsed time.Duration
	// Translator is nil if everything was interpreted.
	Translator *stats.Translator
	// Mix is nil unless Config.Mix wants it.
	Mix *MixStats
}

// String is the text that hospes --stats prints: lines of a name, a colon and values.
func (s Stats) String() string {
	var b strings.Builder
	p := func(format string, a ...any) { fmt.Fprintf(&b, format+"\n", a...) }
	p("process: %d", s.PID)
	p("elapsed: %.3f s", s.Elapsed.Seconds())
	t := s.Translator
	if t == nil {
		p("instructions: %d", s.Instructions)
		p("rate: %.1f million instructions per second", ratio(float64(s.Instructions)/1e6, s.Elapsed.Seconds()))
		return b.String()
	}
	p("time: %.3f s in translated code, %.3f s in the interpreter, %.3f s translating",
		t.InTranslated.Seconds(), t.InInterpreter.Seconds(), t.Translating().Seconds())
	p("interpreted: %d blocks decoded, %d instructions executed", t.Decoded, s.Instructions)
	p("translated: %d blocks, %d refused", t.Translated, t.Refused)
	if t.Loaded+t.Rejected+t.Written > 0 {
		p("earlier runs: %d blocks, %d of other code; %d translations written for later ones", t.Loaded, t.Rejected, t.Written)
	}
	if t.Functions > 0 {
		p("library functions: %d", t.Functions)
	}
	p("links: %d chained, %d unchained", t.Chained, t.Unchained)
	p("blocks: %d invalidated, %d revived", t.Invalidated, t.Revived)
	p("entered: translated code %d times, the interpreter %d times", t.Entered, t.Interpretations)
	if k := &t.Check; k.Blocks > 0 {
		p("checked: %d blocks, %d instructions; %d instructions only interpreted, %d blocks repeated, %d not compared",
			k.Blocks, k.Insts, k.Alone, k.Repeated, k.Uncompared)
	}
	l := &t.Left
	p("left: %d system calls, %d exits, %d computed jumps, %d to the interpreter, %d interrupts, %d changes of code",
		l.Systems, l.Exits, l.Jumps, l.Interprets, l.Interrupts, l.Changes)
	p("code: %d guest instructions, %d bytes, became %d host bytes: %.2f for one, %.1f for an instruction",
		t.GuestInsts, t.GuestBytes, t.HostBytes,
		ratio(float64(t.HostBytes), float64(t.GuestBytes)), ratio(float64(t.HostBytes), float64(t.GuestInsts)))
	p("stages: lift %.3f ms, compile %.3f ms, install %.3f ms", ms(t.Lift), ms(t.Compile), ms(t.Install))
	printOptimiser(&t.Optimiser, p)
	p("translation speed: %.0f guest instructions per second", ratio(float64(t.GuestInsts), t.Translating().Seconds()))
	p("code cache: %d of %d bytes in use, reset %d times", t.CacheUsed, t.CacheSize, t.Resets)
	s.Mix.print(p)
	return b.String()
}

// printOptimiser prints what there is about regions.
func printOptimiser(o *stats.Optimiser, p func(format string, a ...any)) {
	if o.Thunks+o.Hot+o.Loaded+o.Regions+o.NoLoop == 0 {
		return
	}
	p("counted: %d blocks; %d were hot, %d of them put off", o.Thunks, o.Hot, o.Put)
	p("regions: %d of earlier runs, %d made of %d guest instructions, %d host bytes; %d of them given up, %d to be without looks ahead of loops; not made: %d no loop, %d left too soon, %d changed, %d failed",
		o.Loaded, o.Regions, o.Insts, o.HostBytes, o.Undone, o.Blind, o.NoLoop, o.Short, o.Changed, o.Failed)
	p("queue: at most %d long, %.3f ms waited", o.Longest, ms(o.Waited))
	if len(o.Stages) > 0 {
		var b strings.Builder
		for _, s := range o.Stages {
			fmt.Fprintf(&b, ", %s %.3f ms", s.Name, ms(s.Time))
		}
		p("optimiser: %s", strings.TrimPrefix(b.String(), ", "))
	}
}

// ratio is a / b, or 0 if b is.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
