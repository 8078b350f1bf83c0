package hospes

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/hospes-vm/hospes/internal/engine"
	"github.com/hospes-vm/hospes/internal/explore"
	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/guest/riscv"
	"github.com/hospes-vm/hospes/internal/ir"
	"github.com/hospes-vm/hospes/internal/linux"
	"github.com/hospes-vm/hospes/internal/perf"
	"github.com/hospes-vm/hospes/internal/view"
)

// observer looks at how a process is executed.
type observer struct {
	p     *linux.Process
	arch  guest.Arch
	start time.Time
	done  uint64 // instructions before start

	perf []perfFile
	code *CodeView  // nil for none
	page *view.Page // nil for none

	reports []reporter
	child   bool // of a fork
	failed  func(error)

	wanted Mix

	explorer *explore.Recorder // nil for none

	check io.Writer // for the report of a difference; nil for no checks
	once  sync.Once // for the first one
}

// perfFile is a file for perf(1), and how another is made.
type perfFile struct {
	perf.Writer
	make func() (perf.Writer, error)
}

// observe has options of the translator tell what the configuration wants to see.
func (o *observer) observe(cfg Config, opts *engine.Options) error {
	opts.Measure, opts.Profile = cfg.Stats, cfg.Profile != nil || cfg.Explore != nil
	opts.Count = cfg.counts()
	if cfg.Translator.PerfMap {
		o.perf = append(o.perf, perfFile{make: perf.NewMap})
	}
	if cfg.Translator.JITDump {
		o.perf = append(o.perf, perfFile{make: perf.NewDump})
	}
	for i := range o.perf {
		f := &o.perf[i]
		var err error
		// After execve the guest may be where there is no place for files: it should go on.
		if f.Writer, err = f.make(); err != nil && cfg.Resume == nil {
			return err
		}
	}
	opts.Symbol = func(pc uint64) string { return o.p.Symbol(pc) }
	if v := o.code; len(o.perf) > 0 || v != nil && v.shows() {
		opts.Translated = o.translated
	}
	if v := o.code; v != nil && v.Page != nil {
		begun := cfg.Resume != nil && cfg.Resume.Options != nil
		o.page = view.NewPage(v.Page, view.Options{Disassemble: riscv.Disassemble, Register: riscv.RegisterName}, begun)
		opts.Optimised = o.optimised
	}
	if e := o.explorer; e != nil {
		opts.Translated = o.translated
		page := opts.Optimised
		opts.Optimised = func(t *engine.Optimisation) {
			e.Optimised(t)
			if page != nil {
				page(t)
			}
		}
	}
	if o.check != nil {
		opts.Differs = o.differs
	}
	return nil
}

// differs reports the first difference that a check has found.
func (o *observer) differs(d *engine.Difference) {
	text := view.Difference(d, view.Options{
		Guest: true, IR: true, Host: true, Disassemble: riscv.Disassemble, Register: riscv.RegisterName,
	})
	o.once.Do(func() { _, _ = io.WriteString(o.check, text) })
}

// show writes a translation to where code is shown. One that is told of again has been
// shown before.
func (o *observer) show(t *engine.Translation) {
	v := o.code
	if v == nil || !v.shows() || t.Trace == nil || v.Filter != nil && !v.Filter(t.PC, t.Name) {
		return
	}
	text := view.Text(t, view.Options{Guest: v.Guest, IR: v.IR, Host: v.Host, Disassemble: riscv.Disassemble})
	_, _ = io.WriteString(v.Output, text)
}

// shows reports whether blocks are to be shown.
func (v *CodeView) shows() bool { return v.Guest || v.IR || v.Host }

// optimised is told of each region.
func (o *observer) optimised(t *engine.Optimisation) {
	if f := o.code.Filter; f == nil || f(t.PC, t.Name) {
		o.page.Add(t)
	}
}

// interpreted is told of each instruction of a block before it is first interpreted.
func (o *observer) interpreted(pc uint64, text string) {
	if v := o.code; v.Filter == nil || v.Filter(pc, o.p.Symbol(pc)) {
		_, _ = fmt.Fprintf(v.Output, "%x: %s\n", pc, text)
	}
}

// translated is told of each translation.
func (o *observer) translated(t *engine.Translation) {
	o.show(t)
	if o.explorer != nil {
		o.explorer.Translated(t)
	}
	name := t.Name
	if t.Guest != nil || t.Region {
		if name != "" {
			name += " "
		}
		if t.Function != ir.NoFunction {
			name += fmt.Sprintf("[hospes %s] ", t.Function)
		}
		if t.Region {
			name += "[region] "
		}
		name += fmt.Sprintf("[%#x]", t.PC)
	}
	for i := range o.perf {
		if f := &o.perf[i]; f.Writer != nil {
			f.Add(t.Host, t.Code, name)
			if len(t.Tail) > 0 {
				f.Add(t.TailHost, t.Tail, name+" [exits]")
			}
		}
	}
}

// forked begins anew in a child: with counters of its own, and files of its own, in which
// is what has been translated before.
func (o *observer) forked() {
	o.start, o.done = time.Now(), o.p.Instructions()
	o.child = true
	for _, r := range o.reports {
		r.Reset()
	}
	if o.explorer != nil {
		o.explorer.Forked()
	}
	for i := range o.perf {
		f := &o.perf[i]
		if f.Writer != nil {
			f.Close()
		}
		f.Writer, _ = f.make()
	}
	if a, ok := o.arch.(*engine.Arch); ok {
		a.Forked()
	}
}

// counts reports whether all that is executed is to be counted.
func (c *Config) counts() bool { return c.Coverage != nil || c.Mix != Mix{} }

func (o *observer) stats() Stats {
	s := Stats{PID: os.Getpid(), Instructions: o.p.Instructions() - o.done, Elapsed: time.Since(o.start)}
	if a, ok := o.arch.(*engine.Arch); ok {
		t := a.Stats()
		s.Translator, s.Mix = &t, o.mix()
	}
	return s
}
