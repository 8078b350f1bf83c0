// Package stats has the counters of the translator.
package stats

import "time"

// Translator say what has been translated, and what executing took. What is marked
// with a star is zero unless times are measured (hospes.Config.Stats).
type Translator struct {
	Decoded    uint64 // blocks that interpreters have made ready for themselves *
	Translated uint64 // blocks
	Functions  uint64 // those of them that are host code for library functions
	Refused    uint64 // blocks that begin with what has no translation

	Loaded   uint64 // blocks whose translations earlier runs have made
	Rejected uint64 // translations of earlier runs that were of other code
	Written  uint64 // translations that were stored for later runs

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
	Left            Left          // why it was left again *
	InTranslated    time.Duration // all threads together *
	InInterpreter   time.Duration // *

	CacheUsed, CacheSize int // bytes

	Optimiser Optimiser

	Check Check // of hospes.Config.Check
}

// Optimiser are about regions: loops and functions that were hot enough to be optimised.
type Optimiser struct {
	Thunks  uint64 // blocks whose executions have been counted
	Hot     uint64 // those of them that were hot, some of them more than once
	Regions uint64 // made
	Loaded  uint64 // those of earlier runs
	NoLoop  uint64 // not made: there was no loop, or not one without calls that stay calls
	Changed uint64 // not made: guest code changed meanwhile
	Failed  uint64 // not made: the code generator refused, or there was no room
	Undone  uint64 // given up, as they were left in the midst too often
	Blind   uint64 // asked for anew, as looks ahead of loops failed too often
	Short   uint64 // not made: they would have been left too soon
	Put     uint64 // put off: too many were waiting, or it was not executed any more

	Insts     uint64 // guest instructions in regions
	HostBytes uint64

	Longest int           // length of the queue
	Waited  time.Duration // in the queue, all together
	Stages  []Stage       // in their order *
}

// Stage is what a stage, or a pass, of optimising has taken.
type Stage struct {
	Name string
	Time time.Duration
}

// Check count what has been executed under a check.
type Check struct {
	Blocks, Insts uint64 // compared
	Alone         uint64 // instructions that only the interpreter has executed
	Repeated      uint64 // blocks that differed at first, because memory changed meanwhile
	Uncompared    uint64 // blocks that could not be compared
}

// Left count the ways out of translated code.
type Left struct {
	Systems    uint64 // system calls
	Exits      uint64 // to code that was not translated, or not linked
	Jumps      uint64 // computed jumps whose target was not in the thread's table
	Interprets uint64 // to the interpreter: instructions without a translation, and faults
	Interrupts uint64 // signals, flushes, the stack of return addresses being full
	Changes    uint64 // guest code was not what it had been
}

// Translating is the time that making translations took.
func (t *Translator) Translating() time.Duration { return t.Lift + t.Compile + t.Install }
