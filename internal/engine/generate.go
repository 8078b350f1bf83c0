//go:build linux && amd64

package engine

import (
	"github.com/hospes-vm/hospes/internal/host/amd64"
	"github.com/hospes-vm/hospes/internal/jit"
	"github.com/hospes-vm/hospes/internal/opt"
)

// generator makes host code of regions, in a buffer of its own. Its holder has optimiser.mu.
type generator struct {
	comp jit.Compiler
	asm  amd64.Assembler
}

// generate makes host code of a region and has it installed.
func (m *Machine) generate(r *region, code *opt.Region, lap func(stage string)) {
	gen := &m.opt.gen
	g, err := opt.Lower(code)
	lap("lower")
	if err != nil {
		m.uncompiled(r)
		return
	}
	r.graph = g
	m.mu.Lock()
	gen.comp.Detours = m.detours.hasAny(r.survey)
	m.mu.Unlock()
	gen.comp.Round, gen.comp.FirstExit = r.survey.head.Mode, jit.FirstExit
	gen.asm.Buf = gen.asm.Buf[:0]
	made, err := gen.comp.CompileGraph(&gen.asm, g)
	lap("compile")
	if err != nil {
		m.uncompiled(r)
		return
	}
	m.install(r, func() *jit.Code {
		made.Move(&m.asm, gen.asm.Buf, jit.FirstExit, m.cache.NextExit())
		return made
	})
	lap("install")
}

// uncompiled is for a region that is left as it is.
func (m *Machine) uncompiled(r *region) {
	m.refuse(&m.opt.stats.Failed)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tellRegion(r, nil, nil)
}
