package hospes

import (
	"fmt"
	"strings"
	"time"
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
	Translator *TranslatorStats
	// Mix is nil unless Config.Mix wants it.
	Mix *MixStats
}

// TranslatorStats say what has been translated, and what executing took. What is marked
// with a star is zero unless Config.Stats is set.
type TranslatorStats struct {
	Decoded    uint64 // blocks that interpreters have made ready for themselves *
	Translated uint64 // blocks
	Functions  uint64 // those of them that are host code for library functions
	Refused    uint64 // blocks that begin with what has no translation

	Chained     uint64 // exits that were made to lead to a block
	Unchained   uint64 // and back to the engine
	Invalidated uint64 // blocks whose guest code may have changed
	Revived     uint64 // those of them whose code was there again
	Resets      uint64 // how often the code cache was full and emptied

	GuestInsts uint64 // in translated blocks
	GuestBytes uint64
	HostBytes  uint64

	Lift    time.Duration // from guest code to the intermediate representation *
	Compile time.Duration // from there to host code *
	Install time.Duration // entering it into the code cache *

	Entered         uint64        // how often the engine has entered translated code *
	Interpretations uint64        // and the interpreter *
	Left            LeftStats     // why it was left again *
	InTranslated    time.Duration // all threads together *
	InInterpreter   time.Duration // *

	CacheUsed, CacheSize int // bytes

	Optimiser OptimiserStats

	Check CheckStats // of Config.Check
}

// OptimiserStats are about regions: loops and functions that were hot enough to be optimised.
type OptimiserStats struct {
	Thunks  uint64 // blocks whose executions have been counted
	Hot     uint64 // those of them that were hot, some of them more than once
	Regions uint64 // made
	NoLoop  uint64 // not made: there was no loop, or not one without calls that stay calls
	Changed uint64 // not made: guest code changed meanwhile
	Failed  uint64 // not made: the code generator refused, or there was no room
	Undone  uint64 // given up, as they were left in the midst too often
	Blind   uint64 // asked for anew, as looks ahead of loops failed too often
	Put     uint64 // put off: too many were waiting

	Insts     uint64 // guest instructions in regions
	HostBytes uint64

	Longest int           // length of the queue
	Waited  time.Duration // in the queue, all together
	Stages  []StageTime   // in their order *
}

// StageTime is what a stage, or a pass, of optimising has taken.
type StageTime struct {
	Name string
	Time time.Duration
}

// CheckStats count what has been executed under a check.
type CheckStats struct {
	Blocks, Insts uint64 // compared
	Alone         uint64 // instructions that only the interpreter has executed
	Repeated      uint64 // blocks that differed at first, because memory changed meanwhile
	Uncompared    uint64 // blocks that could not be compared
}

// LeftStats count the ways out of translated code.
type LeftStats struct {
	Systems    uint64 // system calls
	Exits      uint64 // to code that was not translated, or not linked
	Jumps      uint64 // computed jumps whose target was not in the thread's table
	Interprets uint64 // to the interpreter: instructions without a translation, and faults
	Interrupts uint64 // signals, flushes, the stack of return addresses being full
	Changes    uint64 // guest code was not what it had been
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
		t.InTranslated.Seconds(), t.InInterpreter.Seconds(), t.translating().Seconds())
	p("interpreted: %d blocks decoded, %d instructions executed", t.Decoded, s.Instructions)
	p("translated: %d blocks, %d refused", t.Translated, t.Refused)
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
	t.Optimiser.print(p)
	p("translation speed: %.0f guest instructions per second", ratio(float64(t.GuestInsts), t.translating().Seconds()))
	p("code cache: %d of %d bytes in use, reset %d times", t.CacheUsed, t.CacheSize, t.Resets)
	s.Mix.print(p)
	return b.String()
}

// print prints what there is about regions.
func (o *OptimiserStats) print(p func(format string, a ...any)) {
	if o.Thunks+o.Hot+o.Regions+o.NoLoop == 0 {
		return
	}
	p("counted: %d blocks; %d were hot, %d of them put off", o.Thunks, o.Hot, o.Put)
	p("regions: %d made of %d guest instructions, %d host bytes; %d of them given up, %d to be without looks ahead of loops; not made: %d no loop, %d changed, %d failed",
		o.Regions, o.Insts, o.HostBytes, o.Undone, o.Blind, o.NoLoop, o.Changed, o.Failed)
	p("queue: at most %d long, %.3f ms waited", o.Longest, ms(o.Waited))
	if len(o.Stages) > 0 {
		var b strings.Builder
		for _, s := range o.Stages {
			fmt.Fprintf(&b, ", %s %.3f ms", s.Name, ms(s.Time))
		}
		p("optimiser: %s", strings.TrimPrefix(b.String(), ", "))
	}
}

// translating is the time that making translations took.
func (t *TranslatorStats) translating() time.Duration { return t.Lift + t.Compile + t.Install }

// ratio is a / b, or 0 if b is.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
