//go:build linux && amd64

// Package explore tells of a running guest, for a page that shows it (cmd/hospes-explore): where time goes, what
// the translator does, the memory map, system calls. It writes files into a directory, which
// the command reads: so neither waits for the other, and the guest's processes do without a server.
//
// For each process there are NAME.json, written anew twice a second: [Snapshot]; NAME.code, to which
// each translation is added: a [Code] in a line; and NAME.html, the page of regions of package view.
package explore

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/hospes-vm/hospes/internal/engine"
	"github.com/hospes-vm/hospes/internal/linux"
	"github.com/hospes-vm/hospes/internal/prof"
	"github.com/hospes-vm/hospes/internal/view"
	"github.com/hospes-vm/hospes/stats"
)

// Snapshot is what is known of a process.
type Snapshot struct {
	PID      int
	Args     []string
	Elapsed  float64 // seconds
	Period   float64 // of samples, seconds of CPU time
	Ended    bool
	Time     []Moment
	Function []prof.FunctionTime
	Block    []Block
	Map      []Area
	Call     []Call
}

// Moment is what the translator did since the one before.
type Moment struct {
	At                                                            float64 // seconds since the start
	Translated, Regions, Chained, Unchained, Invalidated, Refused uint64
	Tiers                                                         map[string]int64 // samples
}

// Block is a translation.
type Block struct {
	PC       string // in hexadecimal, as all addresses
	Name     string // symbol and distance
	Function string // as in Snapshot.Function
	Kind     string // "translated", "optimised", "native"
	Insts    int
	Bytes    int   // of host code
	Samples  int64 // in its first instruction up to the next block
	Exits    []Exit
}

// Exit is a way out of a block.
type Exit struct {
	Kind, PC string
	Linked   bool
}

// Area is a mapping.
type Area struct {
	Start, End, Prot, Name string
}

// Call is a system call.
type Call struct {
	Name          string
	Count, Errors uint64
	Seconds       float64
}

// Code is a translation, in text.
type Code struct {
	PC     string
	Name   string
	Region bool
	Guest  string
	IR     string
	Host   string
}

// Recorder tells of a process. It observes system calls, and hands them on to Next.
type Recorder struct {
	// What New does not know.
	Process *linux.Process
	Arch    *engine.Arch // nil without a translator
	Profile *prof.Profile
	Period  time.Duration
	Next    linux.Tracer // or nil

	view view.Options
	open func(name string, add bool) (io.WriteCloser, error)
	page *view.Page

	writing sync.Mutex // held while a snapshot is written

	mu      sync.Mutex // guards what follows
	name    string
	start   time.Time
	last    stats.Translator
	tiers   map[string]int64 // samples at the last moment
	moments []Moment
	calls   map[string]*Call
	entered map[*linux.Task]time.Time
	code    int // bytes of code that may still be written
}

const (
	interval   = 500 * time.Millisecond // between snapshots
	maxMoments = 1200
	maxCode    = 64 << 20
	maxBlocks  = 5000
)

// New returns a recorder. open opens a file of the directory to write to, empty or to append to.
func New(v view.Options, open func(name string, add bool) (io.WriteCloser, error)) *Recorder {
	r := &Recorder{view: v, open: open}
	r.begin()
	return r
}

// Start begins telling.
func (r *Recorder) Start() {
	go func() {
		for {
			time.Sleep(interval)
			r.Write(false)
		}
	}()
}

// begin is for a process that begins.
func (r *Recorder) begin() {
	r.mu.Lock()
	r.start = time.Now()
	r.name = fmt.Sprintf("%d-%d", os.Getpid(), r.start.UnixNano())
	r.moments, r.tiers = nil, map[string]int64{}
	r.calls, r.entered = map[string]*Call{}, map[*linux.Task]time.Time{}
	r.code = maxCode
	r.last = stats.Translator{}
	r.mu.Unlock()
	r.page = view.NewPage(pageWriter{r}, r.view, false)
}

// Forked begins anew in a child.
func (r *Recorder) Forked() {
	r.writing.Lock() // by whoever tells of the parent: that one is here, too
	defer r.writing.Unlock()
	r.begin()
}

// Translated is told of each translation that has a trace.
func (r *Recorder) Translated(t *engine.Translation) {
	if t.Trace == nil {
		return
	}
	text := func(guest, ir, host bool) string {
		o := r.view
		o.Guest, o.IR, o.Host = guest, ir, host
		return view.Text(t, o)
	}
	c := Code{PC: hex(t.PC), Name: t.Name, Guest: text(true, false, false), IR: text(true, true, false), Host: text(true, false, true)}
	line, err := json.Marshal(&c)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.code -= len(line); err != nil || r.code < 0 {
		return
	}
	r.add(r.name+".code", append(line, '\n'))
}

// Optimised is told of each region.
func (r *Recorder) Optimised(o *engine.Optimisation) { r.page.Add(o) }

// pageWriter writes the page of regions.
type pageWriter struct{ r *Recorder }

func (w pageWriter) Write(b []byte) (int, error) {
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	w.r.add(w.r.name+".html", b)
	return len(b), nil
}

// add appends to a file. Errors are ignored: the guest is to go on.
func (r *Recorder) add(name string, b []byte) {
	if f, err := r.open(name, true); err == nil {
		_, _ = f.Write(b)
		_ = f.Close()
	}
}

// Enter implements linux.Tracer.
func (r *Recorder) Enter(t *linux.Task, c *linux.Call) {
	if r.Next != nil {
		r.Next.Enter(t, c)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.calls[c.Row.Name]
	if n == nil {
		n = &Call{Name: c.Row.Name}
		r.calls[c.Row.Name] = n
	}
	n.Count++
	r.entered[t] = time.Now()
}

// Leave implements linux.Tracer.
func (r *Recorder) Leave(t *linux.Task, c *linux.Call, result int64) {
	r.mu.Lock()
	if n := r.calls[c.Row.Name]; n != nil {
		if at, ok := r.entered[t]; ok {
			n.Seconds += time.Since(at).Seconds()
		}
		switch {
		case -result >= int64(linux.ERESTARTSYS) && -result <= int64(linux.ERESTART_RESTARTBLOCK):
			n.Count-- // it is made again
		case result < 0 && result >= -4095:
			n.Errors++
		}
	}
	delete(r.entered, t)
	r.mu.Unlock()
	if r.Next != nil {
		r.Next.Leave(t, c, result)
	}
}

// Signal implements linux.Tracer.
func (r *Recorder) Signal(t *linux.Task, signal int, info *[128]byte) {
	if r.Next != nil {
		r.Next.Signal(t, signal, info)
	}
}

// Exit implements linux.Tracer.
func (r *Recorder) Exit(p *linux.Process, s linux.Status) {
	if r.Next != nil {
		r.Next.Exit(p, s)
	}
}

// Write writes a snapshot, the last one if the process has ended.
func (r *Recorder) Write(ended bool) {
	r.writing.Lock()
	defer r.writing.Unlock()
	b, err := json.Marshal(r.snapshot(ended))
	if err != nil {
		return
	}
	if f, err := r.open(r.name+".json", false); err == nil {
		_, _ = f.Write(b)
		_ = f.Close()
	}
}

func hex(v uint64) string { return fmt.Sprintf("%#x", v) }
