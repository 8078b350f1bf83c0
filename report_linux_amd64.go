package hospes

import (
	"errors"
	"io"
	"time"

	"github.com/hospes-vm/hospes/internal/cover"
	"github.com/hospes-vm/hospes/internal/engine"
	"github.com/hospes-vm/hospes/internal/guest/riscv"
	"github.com/hospes-vm/hospes/internal/prof"
)

// reporter is something about a process that is written to a file.
type reporter struct {
	report
	file Report
}

// report is what is written.
type report interface {
	Write(io.Writer) error
	// Empty reports whether there is nothing to tell.
	Empty() bool
	// Reset forgets everything, in a child that a fork has made.
	Reset()
}

// DefaultRate is how many samples a profile has for a second.
const DefaultRate = 100

// startReports begins what the configuration wants to know of the process.
func (o *observer) startReports(cfg Config) {
	o.failed = cfg.OnFailure
	if c := cfg.Profile; c != nil || cfg.Explore != nil {
		rate := DefaultRate
		if c != nil && c.Rate > 0 {
			rate = c.Rate
		}
		period := time.Second / time.Duration(rate)
		p := prof.New(o.p, &riscv.Unwinding, period)
		o.p.Profiler, o.p.SamplePeriod = p, period
		if c != nil {
			o.reports = append(o.reports, reporter{p, c.Report})
		}
		o.explore(p, period)
	}
	if c := cfg.Coverage; c != nil {
		if a, ok := o.arch.(*engine.Arch); ok {
			cov := &cover.Coverage{
				Space: o.p.Mem, Open: o.p.OpenMapped, Paths: c.Paths, Zero: a.ResetCounts,
				Counts: func(f func(pc, n uint64)) { a.Counts(func(pc, n uint64, _ bool) { f(pc, n) }) },
			}
			o.reports = append(o.reports, reporter{cov, c.Report})
		}
	}
	o.p.OnExec = func() {
		o.save()
		o.report()
	}
	o.p.OnRestrict = o.holdStored
}

// explore has the explorer begin, if there is one, by the samples of a profile.
func (o *observer) explore(p *prof.Profile, period time.Duration) {
	e := o.explorer
	if e == nil {
		return
	}
	e.Process, e.Profile, e.Period, e.Next = o.p, p, period, o.p.Tracer
	e.Arch, _ = o.arch.(*engine.Arch)
	o.p.Tracer = e
	e.Start()
}

// report writes the reports.
func (o *observer) report() {
	if o.explorer != nil {
		o.explorer.Write(true)
	}
	for _, r := range o.reports {
		if o.child && r.Empty() {
			continue
		}
		if err := r.write(o.child); err != nil && o.failed != nil {
			o.failed(err)
		}
	}
}

func (r *reporter) write(child bool) error {
	f, err := r.file(child)
	if err != nil {
		return err
	}
	return errors.Join(r.Write(f), f.Close())
}
